"""Deletes what was kept about a user who left."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.database import Database
from services.chassis.delivery import Delivery as EventDelivery
from services.notification.repository.devices import DeviceRepository
from services.notification.repository.notifications import NotificationRepository
from services.notification.repository.preferences import PreferencesRepository


@dataclass(frozen=True)
class ForgetUser:
    """Notifications with their deliveries, preferences and devices, at once: none of them outlives the account."""

    database: Database
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    preferences: PreferencesRepository = field(default_factory=PreferencesRepository)
    devices: DeviceRepository = field(default_factory=DeviceRepository)

    async def __call__(self, event: EventDelivery, user_id: UUID) -> None:
        """Raises AlreadyHandled for an event that was taken in before."""
        async with self.database.once(event) as tx:
            await self.notifications.forget_user(tx, user_id)
            await self.preferences.forget_user(tx, user_id)
            await self.devices.forget_user(tx, user_id)
