"""Notifications and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import ReadConnection, WriteConnection
from services.notification.domain.notification import Kind, Money, Notice, Notification, Value, Values
from services.notification.tables import notification

UNREAD_COUNTED_UP_TO = 100
MINE = (
    notification.c.notification_id,
    notification.c.user_id,
    notification.c.kind,
    notification.c["values"],
    notification.c.booking_id,
    notification.c.property_id,
    notification.c.created_at,
    notification.c.read_at,
)


@dataclass(frozen=True, slots=True)
class NotificationRepository:
    """The table `notification`."""

    async def add(
        self, tx: WriteConnection, notification_id: UUID, event_id: UUID, notice: Notice, now: datetime
    ) -> bool:
        """Takes a notice in; whether it was new. The same event told the same recipient the same once before: False."""
        statement = (
            insert(notification)
            .values(
                notification_id=notification_id,
                user_id=notice.user_id,
                event_id=event_id,
                kind=notice.kind.value,
                values=_encode(notice.values),
                booking_id=notice.booking_id,
                property_id=notice.property_id,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(notification.c.notification_id)
        )
        return await tx.scalar(statement) is not None

    async def get(self, conn: ReadConnection, notification_id: UUID) -> Notification | None:
        row = (await conn.execute(select(*MINE).where(notification.c.notification_id == notification_id))).first()
        return None if row is None else _notification(row)

    async def page(
        self, conn: ReadConnection, user_id: UUID, unread_only: bool, before: UUID | None, limit: int
    ) -> list[Notification]:
        """A user's notifications, newest first, from `before` on: ids grow with time."""
        statement = select(*MINE).where(notification.c.user_id == user_id)
        if unread_only:
            statement = statement.where(notification.c.read_at.is_(None))
        if before is not None:
            statement = statement.where(notification.c.notification_id < before)
        rows = await conn.execute(statement.order_by(notification.c.notification_id.desc()).limit(limit))
        return [_notification(row) for row in rows]

    async def unread_count(self, conn: ReadConnection, user_id: UUID) -> int:
        """Counted up to 100: nobody reads a larger number, and counting it would grow with the list."""
        unread = select(notification.c.notification_id).where(
            notification.c.user_id == user_id, notification.c.read_at.is_(None)
        )
        counted = select(func.count()).select_from(unread.limit(UNREAD_COUNTED_UP_TO).subquery())
        return int(await conn.scalar(counted) or 0)

    async def mark_read(
        self, tx: WriteConnection, user_id: UUID, notification_id: UUID, now: datetime
    ) -> Notification | None:
        """Sets the time it was first read; None where the user has no such notification."""
        statement = (
            update(notification)
            .where(notification.c.notification_id == notification_id, notification.c.user_id == user_id)
            .values(read_at=func.coalesce(notification.c.read_at, now))
            .returning(*MINE)
        )
        row = (await tx.execute(statement)).first()
        return None if row is None else _notification(row)

    async def forget_user(self, tx: WriteConnection, user_id: UUID) -> int:
        """Deletes all of a user's notifications, and with them their deliveries; how many."""
        result = await tx.execute(delete(notification).where(notification.c.user_id == user_id))
        return result.rowcount

    async def forget_old(self, tx: WriteConnection, before: datetime, most: int) -> int:
        """Deletes at most `most` notifications made before then, and with them their deliveries; how many."""
        # The primary key is ordered by time, and so is enough to find them.
        oldest_kept = UUID(int=int(before.timestamp() * 1000) << 80)
        due = select(notification.c.notification_id).where(notification.c.notification_id < oldest_kept)
        due = due.order_by(notification.c.notification_id).limit(most)
        result = await tx.execute(delete(notification).where(notification.c.notification_id.in_(due)))
        return result.rowcount


def _notification(row: Row[*tuple[Any, ...]]) -> Notification:
    identifier, user_id, kind, values, booking_id, property_id, created_at, read_at = row
    return Notification(identifier, user_id, Kind(kind), _decode(values), booking_id, property_id, created_at, read_at)


def _encode(values: Values) -> dict[str, Any]:
    return {name: _to_json(value) for name, value in values.items()}


def _to_json(value: Value) -> Any:
    match value:
        case date():
            return {"date": value.isoformat()}
        case Money():
            return {"minor": value.minor, "currency": value.currency}
        case _:
            return value


def _decode(document: dict[str, Any]) -> Values:
    return {name: _from_json(value) for name, value in document.items()}


def _from_json(value: Any) -> Value:
    match value:
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case {"minor": int(minor), "currency": str(currency)}:
            return Money(minor, currency)
        case str() | int():
            return value
    raise ValueError(f"not a stored value: {type(value).__name__}")


def ids(found: Sequence[Notification]) -> list[UUID]:
    return [entry.notification_id for entry in found]
