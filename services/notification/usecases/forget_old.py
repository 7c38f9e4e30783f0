"""Deletes notifications that nobody looks for any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.notification.repository.notifications import NotificationRepository

# Bookings are made months ahead: until then a person may look up what was said about theirs. Past the stay, the booking
# itself tells more. Deliveries end within hours, and go with their notifications.
KEPT = timedelta(days=180)
BATCH = 500


@dataclass(frozen=True)
class ForgetOld:
    """Goes on until none is left; each step is a transaction of its own, so that none holds its locks for long."""

    database: Database
    clock: Clock
    batch: int = BATCH
    notifications: NotificationRepository = field(default_factory=NotificationRepository)

    async def __call__(self) -> int:
        """How many were deleted."""
        total, before = 0, self.clock.now() - KEPT
        while True:
            async with self.database.write() as tx:
                forgotten = await self.notifications.forget_old(tx, before, self.batch)
            total += forgotten
            if forgotten < self.batch:
                return total
