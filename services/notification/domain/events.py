"""What the service tells the mesh."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.notification.domain.delivery import Channel, Failure
from services.notification.domain.notification import Kind


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
