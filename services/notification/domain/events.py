"""What the service tells the mesh."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.delivery import Channel, Delivery, Failure
from services.notification.domain.notification import Kind, Notification


@dataclass(frozen=True, slots=True)
class NotificationSent:
    """A provider accepted a delivery."""

    notification_id: UUID
    delivery_id: UUID
    user_id: UUID
    kind: Kind
    channel: Channel
    attempt_count: int


@dataclass(frozen=True, slots=True)
class NotificationFailed:
    """A delivery was given up."""

    notification_id: UUID
    delivery_id: UUID
    user_id: UUID
    kind: Kind
    channel: Channel
    attempt_count: int
    failure: Failure


def about(delivery: Delivery, notification: Notification) -> tuple[UUID, UUID, UUID, Kind, Channel, int]:
    """What both events begin with."""
    return (
        notification.notification_id,
        delivery.delivery_id,
        notification.user_id,
        notification.kind,
        delivery.channel,
        delivery.attempt_count,
    )
