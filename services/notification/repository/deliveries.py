"""Deliveries: a queue in a table, claimed by lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from services.chassis.database import ReadConnection, WriteConnection
from services.notification.domain.delivery import Channel, Delivery, Failure, State
from services.notification.tables import OPEN, delivery

COLUMNS = (
    delivery.c.delivery_id,
    delivery.c.notification_id,
    delivery.c.channel,
    delivery.c.state,
    delivery.c.failure,
    delivery.c.attempt_count,
    delivery.c.due_at,
    delivery.c.updated_at,
    delivery.c.provider_message_id,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery to be attempted now. `resumed`: an earlier attempt fell silent, and the message may have gone then."""

    delivery: Delivery
    resumed: bool
    traceparent: str


@dataclass(frozen=True, slots=True)
class DeliveryRepository:
    """The table `delivery`."""

    async def add(self, tx: WriteConnection, deliveries: Sequence[Delivery], traceparent: str) -> None:
        if deliveries:
            await tx.execute(insert(delivery), [{**_row(entry), "traceparent": traceparent} for entry in deliveries])

    async def claim(self, tx: WriteConnection, limit: int, now: datetime, lease: timedelta) -> list[Claim]:
        """Takes up to `limit` due deliveries for one attempt each. Two workers never get the same one while its lease
        lasts; rows that another worker is claiming this moment are passed over."""
        due = (
            select(delivery.c.delivery_id, (delivery.c.state == State.SENDING.value).label("resumed"))
            .where(OPEN, delivery.c.due_at <= now)
            .order_by(delivery.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        statement = (
            update(delivery)
            .where(delivery.c.delivery_id == due.c.delivery_id)
            .values(
                state=State.SENDING.value,
                attempt_count=delivery.c.attempt_count + 1,
                due_at=now + lease,
                updated_at=now,
            )
            .returning(*COLUMNS, due.c.resumed, delivery.c.traceparent)
        )
        rows = await tx.execute(statement)
        return [Claim(_delivery(row), row.resumed, row.traceparent) for row in rows]

    async def settle(self, tx: WriteConnection, settled: Delivery) -> bool:
        """Writes the end of an attempt; False, and nothing, where a later attempt has taken over or the provider's report
        came first."""
        statement = (
            update(delivery)
            .where(
                delivery.c.delivery_id == settled.delivery_id,
                delivery.c.attempt_count == settled.attempt_count,
                delivery.c.state == State.SENDING.value,
            )
            .values(_row(settled))
            .returning(delivery.c.delivery_id)
        )
        return await tx.scalar(statement) is not None

    async def lock(self, tx: WriteConnection, delivery_id: UUID) -> Delivery | None:
        """A delivery, its row locked until the transaction ends."""
        statement = select(*COLUMNS).where(delivery.c.delivery_id == delivery_id).with_for_update()
        row = (await tx.execute(statement)).first()
        return None if row is None else _delivery(row)

    async def save(self, tx: WriteConnection, changed: Delivery) -> None:
        """Writes a delivery that this transaction has locked."""
        await tx.execute(update(delivery).where(delivery.c.delivery_id == changed.delivery_id).values(_row(changed)))

    async def of(self, conn: ReadConnection, notification_ids: Collection[UUID]) -> Mapping[UUID, list[Delivery]]:
        """The deliveries of some notifications, by notification."""
        found: defaultdict[UUID, list[Delivery]] = defaultdict(list)
        if notification_ids:
            statement = select(*COLUMNS).where(delivery.c.notification_id.in_(notification_ids))
            for row in await conn.execute(statement.order_by(delivery.c.delivery_id)):
                found[row.notification_id].append(_delivery(row))
        return found


def _row(entry: Delivery) -> dict[str, Any]:
    return {
        "delivery_id": entry.delivery_id,
        "notification_id": entry.notification_id,
        "channel": entry.channel.value,
        "state": entry.state.value,
        "failure": entry.failure.value if entry.failure else None,
        "attempt_count": entry.attempt_count,
        "due_at": entry.due_at,
        "updated_at": entry.updated_at,
        "provider_message_id": entry.provider_message_id,
    }


def _delivery(row: Row[*tuple[Any, ...]]) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        notification_id=row.notification_id,
        channel=Channel(row.channel),
        state=State(row.state),
        failure=Failure(row.failure) if row.failure else None,
        attempt_count=row.attempt_count,
        due_at=row.due_at,
        updated_at=row.updated_at,
        provider_message_id=row.provider_message_id,
    )
