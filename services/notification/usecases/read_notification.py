"""Marks a notification as read."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.ids import to_typeid
from services.notification.domain.delivery import Delivery
from services.notification.domain.errors import NotificationNotFound
from services.notification.domain.notification import Notification
from services.notification.repository.deliveries import DeliveryRepository
from services.notification.repository.notifications import NotificationRepository


@dataclass(frozen=True)
class ReadNotification:
    """The first time counts; another user's notification is not found."""

    database: Database
    clock: Clock
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    deliveries: DeliveryRepository = field(default_factory=DeliveryRepository)

    async def __call__(self, user_id: UUID, notification_id: UUID) -> tuple[Notification, list[Delivery]]:
        async with self.database.write() as tx:
            found = await self.notifications.mark_read(tx, user_id, notification_id, self.clock.now())
            if found is None:
                raise NotificationNotFound(notification_id=to_typeid("notification", notification_id))
            deliveries = await self.deliveries.of(tx, [notification_id])
        return found, deliveries.get(notification_id, [])
