"""The inbox: which events had their effect here. Its row is written in the effect's own transaction."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chassis.delivery import AlreadyHandled, Delivery
from services.chassis.tables import inbox

# Longer than a stream keeps an event (14 days), or a redrive of an old one would have its effect again.
KEPT = timedelta(days=30)


async def enter(tx: AsyncConnection, delivery: Delivery) -> None:
    """Takes the event for its consumer. Raises AlreadyHandled where a committed transaction took it before; waits for
    one that has not ended yet."""
    statement = (
        insert(inbox)
        .values(event_id=delivery.event_id, consumer=delivery.consumer)
        .on_conflict_do_nothing()
        .returning(inbox.c.event_id)
    )
    if await tx.scalar(statement) is None:
        raise AlreadyHandled


async def forget(tx: AsyncConnection, older_than: timedelta = KEPT) -> int:
    """Deletes rows past their time; the number deleted."""
    result = await tx.execute(delete(inbox).where(inbox.c.handled_at < func.now() - literal(older_than)))
    return result.rowcount
