"""The tables of the notification service."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.tables import chassis_metadata

metadata = chassis_metadata()


def _instant(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


# The unique key is why a fact reaches a recipient once, however often it is delivered.
notification = Table(
    "notification",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("values", JSONB, nullable=False),
    Column("booking_id", Uuid),
    Column("property_id", Uuid),
    _instant("created_at", nullable=False),
    _instant("read_at"),
    Index("notification_event_id_user_id_kind_key", "event_id", "user_id", "kind", unique=True),
    Index("notification_user_id_notification_id_idx", "user_id", "notification_id"),
    Index("notification_unread_idx", "user_id", "notification_id", postgresql_where=text("read_at IS NULL")),
)

OPEN = text("state IN ('QUEUED', 'SENDING')")

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("notification_id", Uuid, ForeignKey("notification.notification_id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("failure", Text),
    Column("attempt_count", Integer, nullable=False, server_default="0"),
    _instant("due_at", nullable=False),
    _instant("updated_at", nullable=False),
    Column("provider_message_id", Text, nullable=False, server_default=""),
    Column("traceparent", Text, nullable=False, server_default=""),
    Index("delivery_notification_id_channel_key", "notification_id", "channel", unique=True),
    Index("delivery_due_idx", "due_at", postgresql_where=OPEN),
)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("switches", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False),
    _instant("updated_at", nullable=False, server_default=func.now()),
)

# `token` is encrypted; `token_index` finds it again by a keyed hash.
device = Table(
    "device",
    metadata,
    Column("device_id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("token_index", LargeBinary, nullable=False, unique=True),
    Column("display_name", Text, nullable=False, server_default=""),
    _instant("created_at", nullable=False),
    Index("device_user_id_device_id_idx", "user_id", "device_id"),
)
