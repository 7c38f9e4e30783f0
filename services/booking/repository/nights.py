"""Nights: the table that no night is in twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Text, Uuid, cast, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from services.booking.domain.booking import Booking
from services.booking.domain.events import NightsCause, Taking
from services.booking.domain.stay import Stay, ranges
from services.booking.tables import block, night, night_change
from services.chassis.database import ReadConnection, WriteConnection

HOLD, BOOKING, BLOCK = "HOLD", "BOOKING", "BLOCK"
# Nights that changed hands, each with the number of the change. Numbers are drawn once a row is ours, so that of two
# changes of one night the later one has the higher number.
Numbered = dict[date, int]


@dataclass(frozen=True, slots=True)
class TakenNight:
    """A night in somebody's hands; `kind` is HOLD, BOOKING, BLOCK or IMPORT."""

    night: date
    kind: str
    booking_id: UUID | None
    block_id: UUID | None

    @property
    def holder_id(self) -> UUID | None:
        """The booking or the block that has it."""
        return self.booking_id or self.block_id


async def hold(tx: WriteConnection, booking: Booking) -> Taking | None:
    """Takes all nights of a new booking; None where somebody has one, and then the transaction must not be kept."""
    taken = await _take(tx, booking.property_id, booking.stay, HOLD, booking_id=booking.booking_id)
    if len(taken) < booking.stay.length:
        return None
    return _of_stay(booking, taken)


async def confirm(tx: WriteConnection, booking: Booking) -> None:
    """Marks the nights of a hold as those of a confirmed booking."""
    await tx.execute(update(night).where(*_of_booking(booking)).values(kind=BOOKING))


async def release(tx: WriteConnection, booking: Booking) -> Taking:
    """Gives the nights of a booking back."""
    statement = delete(night).where(*_of_booking(booking)).returning(night.c.night, night_change.next_value())
    return _of_stay(booking, _numbered(await tx.execute(statement)))


async def keep_back(tx: WriteConnection, property_id: UUID, nights: Stay, block_id: UUID, note: str) -> list[Taking]:
    """Blocks the free nights of a range; what was free before. Nights that others have are left alone."""
    await tx.execute(
        insert(block).values(property_id=property_id, block_id=block_id, note=note).on_conflict_do_nothing()
    )
    return _blocks(property_id, block_id, await _take(tx, property_id, nights, BLOCK, block_id=block_id))


async def give_back(tx: WriteConnection, property_id: UUID, nights: Stay) -> list[Taking]:
    """Frees the blocked nights of a range; what was blocked before."""
    statement = (
        delete(night)
        .where(*_inside(property_id, nights), night.c.kind == BLOCK)
        .returning(night.c.block_id, night.c.night, night_change.next_value())
    )
    by_block: dict[UUID, Numbered] = {}
    for block_id, day, number in await tx.execute(statement):
        by_block.setdefault(block_id, {})[day] = number
    return [taking for block_id, days in by_block.items() for taking in _blocks(property_id, block_id, days)]


async def taken(conn: ReadConnection, property_id: UUID, nights: Stay) -> list[TakenNight]:
    """Every taken night of a range, in order."""
    statement = (
        select(night.c.night, night.c.kind, night.c.booking_id, night.c.block_id)
        .where(*_inside(property_id, nights))
        .order_by(night.c.night)
    )
    return [TakenNight(*row) for row in await conn.execute(statement)]


async def _take(
    tx: WriteConnection,
    property_id: UUID,
    nights: Stay,
    kind: str,
    *,
    booking_id: UUID | None = None,
    block_id: UUID | None = None,
) -> Numbered:
    # One statement, in the order of the nights: two takers of overlapping ranges meet at their first common night, and
    # never wait for each other in a circle.
    series = func.generate_series(nights.check_in, nights.last_night, literal(timedelta(days=1)))
    days = select(cast(series, Date).label("night")).subquery()
    values = select(
        literal(property_id, Uuid),
        days.c.night,
        literal(kind, Text),
        literal(booking_id, Uuid),
        literal(block_id, Uuid),
    ).order_by(days.c.night)
    columns = ["property_id", "night", "kind", "booking_id", "block_id"]
    statement = insert(night).from_select(columns, values).on_conflict_do_nothing()
    return _numbered(await tx.execute(statement.returning(night.c.night, night_change.next_value())))


def _numbered(rows: Iterable[Any]) -> Numbered:
    return dict(tuple(row) for row in rows)


def _of_stay(booking: Booking, days: Numbered) -> Taking:
    version = max(days.values(), default=0)
    return Taking(booking.property_id, booking.stay, NightsCause.BOOKING, booking.booking_id, version)


def _blocks(property_id: UUID, block_id: UUID, days: Numbered) -> list[Taking]:
    return [
        Taking(property_id, part, NightsCause.BLOCK, block_id, max(days[day] for day in part.nights()))
        for part in ranges(days)
    ]


def _inside(property_id: UUID, nights: Stay) -> tuple[ColumnElement[bool], ...]:
    return (night.c.property_id == property_id, night.c.night >= nights.check_in, night.c.night < nights.check_out)


def _of_booking(booking: Booking) -> tuple[ColumnElement[bool], ...]:
    return (*_inside(booking.property_id, booking.stay), night.c.booking_id == booking.booking_id)
