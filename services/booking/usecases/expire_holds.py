"""Holds end when their time is over, by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass

from services.booking.repository import bookings
from services.booking.repository.payments import Payments
from services.booking.usecases.endings import expire
from services.chassis.database import Database
from services.chassis.metrics import counter
from services.chassis.outbox import Outbox

EXPIRED = counter("bookings_expired", "Holds that were not paid in time.")
# Bookings ended in one transaction: small, so that a payment coming in waits for its booking but a moment.
BATCH = 10


@dataclass(frozen=True)
class ExpireHolds:
    """Ends the holds that were not paid in time; their nights are free, their payments are given up."""

    database: Database
    payments: Payments
    outbox: Outbox

    async def __call__(self) -> None:
        """Goes on until none is due."""
        ended = BATCH
        while ended == BATCH:
            async with self.database.write() as tx:
                due = await bookings.lock_expired_holds(tx, BATCH)
                for booking in due:
                    await expire(tx, self.payments, self.outbox, booking)
            ended = len(due)
            EXPIRED.inc(ended)
