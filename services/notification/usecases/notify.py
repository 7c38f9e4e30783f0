"""Takes an event in: one notification per recipient, and a delivery for every channel the recipient wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.delivery import Delivery as EventDelivery
from services.chassis.ids import new_id
from services.chassis.metrics import counter
from services.chassis.telemetry import traceparent
from services.notification.domain.delivery import Channel, Delivery, State
from services.notification.domain.notification import Notice
from services.notification.repository.deliveries import DeliveryRepository
from services.notification.repository.notifications import NotificationRepository
from services.notification.repository.preferences import PreferencesRepository

TAKEN_IN = counter("notifications", "Notifications taken in.", ["kind"])


@dataclass(frozen=True)
class Notify:
    """`available` are the channels that have a provider."""

    database: Database
    clock: Clock
    available: Sequence[Channel]
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    deliveries: DeliveryRepository = field(default_factory=DeliveryRepository)
    preferences: PreferencesRepository = field(default_factory=PreferencesRepository)

    async def __call__(self, event: EventDelivery, notices: Sequence[Notice]) -> None:
        """Raises AlreadyHandled for an event that was taken in before."""
        now = self.clock.now()
        async with self.database.once(event) as tx:
            preferences = await self.preferences.of(tx, {notice.user_id for notice in notices})
            for notice in notices:
                notification_id = new_id()
                if not await self.notifications.add(tx, notification_id, event.event_id, notice, now):
                    continue
                channels = preferences[notice.user_id].channels(notice.kind, self.available)
                queued = [
                    Delivery(new_id(), notification_id, channel, State.QUEUED, None, 0, now, now)
                    for channel in channels
                ]
                await self.deliveries.add(tx, queued, traceparent() or "")
        for notice in notices:
            TAKEN_IN.labels(notice.kind.value).inc()
