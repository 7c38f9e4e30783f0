"""Provider events are forgotten when the provider cannot repeat them any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from services.booking.repository import provider_events
from services.chassis.database import Database

# Stripe lists events, and lets people send them again, for 30 days; three times that leaves room to look into a dispute.
# What money moved stays in the ledger and beside payments and refunds.
KEPT = timedelta(days=90)
BATCH = 1000


@dataclass(frozen=True)
class ForgetProviderEvents:
    """Deletes events that had their effect long ago. One without an effect, or with a problem, stays for a person."""

    database: Database

    async def __call__(self) -> None:
        """Goes on until none is left; each step is a transaction of its own."""
        forgotten = BATCH
        while forgotten == BATCH:
            async with self.database.write() as tx:
                forgotten = await provider_events.forget(tx, KEPT, BATCH)
