"""Erases what a user who left wrote. The bookings stay: their other side, the ledger and the tax office need them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.booking.domain.policy import Party
from services.booking.repository import bookings
from services.chassis.database import Database

# Bookings changed in one transaction: small, so that a payment coming in waits for its booking but a moment.
BATCH = 50


@dataclass(frozen=True)
class ForgetUser:
    """Empties the messages and the reasons for cancelling that a user wrote, as a client and as a host.

    What is empty already is not touched again, so that the event that asks for it needs no inbox row; one that failed
    midway goes on where it stood.
    """

    database: Database

    async def __call__(self, user_id: UUID) -> None:
        for side in (Party.CLIENT, Party.HOST):
            erased = BATCH
            while erased == BATCH:
                async with self.database.write() as tx:
                    erased = await bookings.erase_words(tx, user_id, side, BATCH)
