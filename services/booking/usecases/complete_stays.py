"""Stays end with their check-out, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass

from services.booking.domain import ledger
from services.booking.domain.booking import Booking
from services.booking.domain.events import BookingCompleted
from services.booking.repository import bookings
from services.booking.repository import ledger as books
from services.chassis.database import Database, WriteConnection
from services.chassis.outbox import Outbox

# Bookings completed in one transaction.
BATCH = 10


@dataclass(frozen=True)
class CompleteStays:
    """Completes confirmed bookings after check-out; host and marketplace have earned their parts."""

    database: Database
    outbox: Outbox

    async def __call__(self) -> None:
        """Goes on until none is due."""
        ended = BATCH
        while ended == BATCH:
            async with self.database.write() as tx:
                due = await bookings.lock_ended_stays(tx, BATCH)
                for booking in due:
                    await self._complete(tx, booking)
            ended = len(due)

    async def _complete(self, tx: WriteConnection, booking: Booking) -> None:
        completed = booking.complete(await bookings.now(tx))
        await bookings.save(tx, completed)
        await books.post(tx, ledger.earn(completed))
        await self.outbox.add(tx, BookingCompleted(completed))
