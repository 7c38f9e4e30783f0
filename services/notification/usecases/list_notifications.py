"""Lists what a user was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.chassis.database import Database
from services.chassis.paging import Page
from services.notification.domain.delivery import Delivery
from services.notification.domain.notification import Notification
from services.notification.repository.deliveries import DeliveryRepository
from services.notification.repository.notifications import NotificationRepository, ids


@dataclass(frozen=True, slots=True)
class Listed:
    """One page. `after` is the cursor of the next one, None on the last."""

    notifications: list[Notification]
    deliveries: Mapping[UUID, list[Delivery]]
    unread_count: int
    after: tuple[str, ...] | None


@dataclass(frozen=True)
class ListNotifications:
    """Newest first."""

    database: Database
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    deliveries: DeliveryRepository = field(default_factory=DeliveryRepository)

    async def __call__(self, user_id: UUID, page: Page, unread_only: bool) -> Listed:
        before = UUID(str(page.after[0])) if page.after else None
        async with self.database.read() as conn:
            found = await self.notifications.page(conn, user_id, unread_only, before, page.size + 1)
            shown = found[: page.size]
            deliveries = await self.deliveries.of(conn, ids(shown))
            unread = await self.notifications.unread_count(conn, user_id)
        after = (str(shown[-1].notification_id),) if len(found) > page.size else None
        return Listed(shown, deliveries, unread, after)
