"""The outbox: events leave with the transaction that made them true, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Column, Row, func, insert, select, update

from services.chassis import telemetry
from services.chassis.clock import Clock
from services.chassis.contract import Contract
from services.chassis.database import ReadConnection, WriteConnection
from services.chassis.ids import new_id
from services.chassis.tables import outbox

CHANNEL = "outbox"


class Outbox:
    """Writes events. `encode` is the service's mapper: domain event -> message of the contract."""

    def __init__(self, encode: Callable[[Any], Message], *, contract: Contract, clock: Clock) -> None:
        self._encode = encode
        self._contract = contract
        self._clock = clock

    async def add(self, tx: WriteConnection, *events: Any) -> None:
        """Adds a row for each event, in their order, and wakes the relay when the transaction commits.

        Raises ContractError for a message that the contract does not mark as an event.
        """
        if events:
            rows = [self._row(self._encode(event)) for event in events]
            # One statement: the rows, and the call that the relay waits for. PostgreSQL folds equal notifications.
            await tx.execute(insert(outbox).returning(func.pg_notify(CHANNEL, "")), rows)

    def _row(self, message: Message) -> dict[str, object]:
        rule = self._contract.event_of(message.DESCRIPTOR.full_name)
        return {
            "id": new_id(),
            "aggregate": str(getattr(message, rule.aggregate)),
            "stream": rule.stream,
            "subject": rule.subject,
            "type": rule.full_name,
            "payload": message.SerializeToString(),
            "traceparent": telemetry.traceparent() or "",
            "occurred_at": self._clock.now(),
        }


async def parked(conn: ReadConnection) -> Sequence[Row[Any]]:
    """The rows that could never be published as they are: id, subject, aggregate, parked_at, parked_reason."""
    columns: tuple[Column[Any], ...] = (
        outbox.c.id,
        outbox.c.subject,
        outbox.c.aggregate,
        outbox.c.parked_at,
        outbox.c.parked_reason,
    )
    result = await conn.execute(select(*columns).where(outbox.c.parked_at.is_not(None)).order_by(outbox.c.seq))
    return result.all()


async def release(tx: WriteConnection, identifier: UUID) -> bool:
    """Hands a parked row back to the relay; whether there was one."""
    statement = (
        update(outbox)
        .where(outbox.c.id == identifier, outbox.c.parked_at.is_not(None))
        .values(parked_at=None, parked_reason=None)
        .returning(func.pg_notify(CHANNEL, ""))
    )
    return (await tx.execute(statement)).first() is not None
