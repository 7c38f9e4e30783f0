"""The calendar of a property: who has which night, and the host's say in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.booking.domain.errors import DatesReversed, MaxNights, PastDates, PropertyNotFound
from services.booking.domain.events import NightsReleased, NightsTaken
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PropertyTerms
from services.booking.ports import PropertyCatalog
from services.booking.repository import nights
from services.booking.repository.nights import TakenNight
from services.booking.usecases.free_nights import refusal_of
from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.ids import intended_id
from services.chassis.outbox import Outbox

# A year and a day: a whole year, leap or not, can be looked at in one call.
LONGEST_RANGE = 366


@dataclass(frozen=True, slots=True)
class CalendarView:
    """A range of nights, who has them, and for whose eyes."""

    terms: PropertyTerms
    nights: Stay
    taken: dict[date, TakenNight]
    today: date
    for_host: bool


def _require_range(asked: Stay) -> None:
    if asked.length < 1:
        raise DatesReversed(asked.check_in, asked.last_night)
    if asked.length > LONGEST_RANGE:
        raise MaxNights(max_nights=LONGEST_RANGE, nights=asked.length)


@dataclass(frozen=True)
class GetCalendar:
    """Reads a calendar."""

    database: Database
    catalog: PropertyCatalog
    clock: Clock

    async def __call__(self, viewer_id: UUID | None, property_id: UUID, asked: Stay) -> CalendarView:
        """Every night of the range; its host sees who has it."""
        _require_range(asked)
        return await self.show(await self.catalog.terms(property_id), asked, viewer_id)

    async def show(self, terms: PropertyTerms, asked: Stay, viewer_id: UUID | None) -> CalendarView:
        """The range under known terms."""
        async with self.database.read() as conn:
            taken = {found.night: found for found in await nights.taken(conn, terms.property_id, asked)}
        return CalendarView(terms, asked, taken, terms.today(self.clock.now()), viewer_id == terms.host_id)

    async def terms_for_host(self, host_id: UUID, property_id: UUID) -> PropertyTerms:
        """The terms of a property of this host; PropertyNotFound for anybody else."""
        terms = await self.catalog.terms(property_id)
        if terms.host_id != host_id:
            raise PropertyNotFound(property_id=property_id)
        return terms


@dataclass(frozen=True)
class BlockNights:
    """Keeps nights back for the host."""

    database: Database
    calendar: GetCalendar
    outbox: Outbox

    async def __call__(self, host_id: UUID, property_id: UUID, asked: Stay, note: str) -> CalendarView:
        """Blocks all of them or none: a night of a booking refuses the range."""
        _require_range(asked)
        terms = await self.calendar.terms_for_host(host_id, property_id)
        today = terms.today(self.calendar.clock.now())
        if asked.check_in < today:
            raise PastDates(today)
        async with self.database.write() as tx:
            takings = await nights.keep_back(tx, property_id, asked, intended_id(), note)
            if any(found.kind != nights.BLOCK for found in await nights.taken(tx, property_id, asked)):
                raise await refusal_of(tx, property_id, asked, today)
            await self.outbox.add(tx, *map(NightsTaken, takings))
        return await self.calendar.show(terms, asked, host_id)


@dataclass(frozen=True)
class UnblockNights:
    """Gives blocked nights back."""

    database: Database
    calendar: GetCalendar
    outbox: Outbox

    async def __call__(self, host_id: UUID, property_id: UUID, asked: Stay) -> CalendarView:
        """Frees the blocked nights of the range; others stay taken."""
        _require_range(asked)
        terms = await self.calendar.terms_for_host(host_id, property_id)
        async with self.database.write() as tx:
            takings = await nights.give_back(tx, property_id, asked)
            await self.outbox.add(tx, *map(NightsReleased, takings))
        return await self.calendar.show(terms, asked, host_id)
