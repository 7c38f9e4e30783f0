"""The inbox: which events had their effect here. Its row is written in the effect's own transaction."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chassis.delivery import AlreadyHandled, Delivery
from services.chassis.tables import inbox


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
