"""Takes in what a provider says became of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.chassis.clock import Clock
from services.chassis.database import Database, WriteConnection
from services.chassis.outbox import Outbox
from services.notification.domain import delivery as rules
from services.notification.domain.delivery import Delivery, State
from services.notification.domain.events import NotificationFailed, NotificationSent, about
from services.notification.domain.notification import Notification
from services.notification.repository.deliveries import DeliveryRepository
from services.notification.repository.notifications import NotificationRepository
from services.notification.webhooks import Report


@dataclass(frozen=True)
class ReceiveReports:
    """Reports on deliveries that are not ours change nothing, nor do repeated ones."""

    database: Database
    clock: Clock
    outbox: Outbox
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    deliveries: DeliveryRepository = field(default_factory=DeliveryRepository)

    async def __call__(self, reports: Sequence[Report]) -> None:
        # In one order everywhere, so that two webhooks about the same deliveries cannot lock each other out.
        for report in sorted(reports, key=lambda report: report.delivery_id):
            async with self.database.write() as tx:
                await self._apply(tx, report)

    async def _apply(self, tx: WriteConnection, report: Report) -> None:
        known = await self.deliveries.lock(tx, report.delivery_id)
        if known is None:
            return
        changed = rules.reported(known, report.bounced, self.clock.now())
        if changed is known:
            return
        await self.deliveries.save(tx, changed)
        notification = await self.notifications.get(tx, changed.notification_id)
        if notification:
            await self.outbox.add(tx, *_events(known, changed, notification))


def _events(
    known: Delivery, changed: Delivery, notification: Notification
) -> list[NotificationSent | NotificationFailed]:
    if changed.failure:
        return [NotificationFailed(*about(changed, notification), changed.failure)]
    # The report overtook the worker's own commit, which will find the delivery settled and say nothing.
    return [NotificationSent(*about(changed, notification))] if known.state is State.SENDING else []
