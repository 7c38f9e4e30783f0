"""What the tests of events share: one service's data plane, a handler that leaves a trace, and a way to wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.chassis.consumer import Delivery
from services.chassis.database import Database
from services.chassis.jetstream import JetStream
from services.chassis.outbox import Outbox

INSERT = sa.text("INSERT INTO effect (event_id, thing, number) VALUES (:id, :thing, :number)")


@dataclass(frozen=True)
class Bench:
    """One service's data plane under test."""

    database: Database
    jetstream: JetStream
    outbox: Outbox
    database_url: str
    nats_url: str

    async def write(self, *facts: Any) -> None:
        async with self.database.write() as tx:
            await self.outbox.add(tx, *facts)

    async def effects(self) -> list[tuple[str, int]]:
        """The effects in the order in which they were committed."""
        async with self.database.read() as connection:
            rows = await connection.execute(sa.text("SELECT thing, number FROM effect ORDER BY at"))
            return [(row.thing, row.number) for row in rows]

    async def has(self, number: int) -> bool:
        """Whether there are so many effects, or more."""
        return await self.count("SELECT count(*) FROM effect") >= number

    async def count(self, statement: str) -> int:
        async with self.database.read() as connection:
            return int(await connection.scalar(sa.text(statement)) or 0)


class Effects:
    """A handler that writes an effect row, once, and remembers what it was handed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.deliveries: list[Delivery] = []

    async def __call__(self, event: Any, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        async with self._database.once(delivery) as tx:
            await tx.execute(INSERT, {"id": delivery.event_id, "thing": event.thing_id, "number": event.number})


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Waits for the condition. Raises TimeoutError when it does not come true in time."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
