"""Keeping the search's picture of the calendar."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.delivery import Delivery
from services.property.ports import Nights

# A night is over everywhere a day after it is over in UTC.
OVER_AFTER: Final = timedelta(days=2)


class MarkNights:
    """Takes over from a calendar event which nights are taken, once."""

    def __init__(self, database: Database, nights: Nights) -> None:
        self._database = database
        self._nights = nights

    async def __call__(
        self, delivery: Delivery, property_id: UUID, first: date, last: date, version: int, *, taken: bool
    ) -> None:
        """Nights from `first` to `last`, both included. Raises AlreadyHandled for an event seen before."""
        async with self._database.once(delivery) as tx:
            await self._nights.mark(tx, property_id, first, last, version, taken=taken)


class ForgetPastNights:
    """Keeps the picture small: nobody searches for nights that are over."""

    def __init__(self, database: Database, nights: Nights, clock: Clock) -> None:
        self._database = database
        self._nights = nights
        self._clock = clock

    async def __call__(self) -> None:
        """Deletes what is past."""
        async with self._database.write() as tx:
            await self._nights.forget(tx, (self._clock.now() - OVER_AFTER).date())
