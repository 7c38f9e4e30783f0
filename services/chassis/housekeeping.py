"""What every service forgets in time: published events, handled events, answered keys."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy import Column, Table, delete, func, literal, select, tuple_

from services.chassis.database import Database
from services.chassis.idempotency import KEPT as KEYS_KEPT
from services.chassis.jobs import Job
from services.chassis.tables import idempotency, inbox, outbox

# Published rows are the last resort when a stream is lost: they can be published again for as long as streams keep them.
PUBLISHED_KEPT = timedelta(days=14)
# Longer than a stream keeps an event, or a redrive of an old one would have its effect again.
HANDLED_KEPT = timedelta(days=30)
EVERY = timedelta(minutes=10)
# A step stays well below the statement timeout, so that a long absence is caught up with and not given up on.
STEP = 5_000


def housekeeping(database: Database) -> list[Job]:
    """The jobs that a service runs beside its own."""
    return [
        _job("forget-published-events", database, outbox, outbox.c.published_at, PUBLISHED_KEPT),
        _job("forget-handled-events", database, inbox, inbox.c.handled_at, HANDLED_KEPT),
        _job("forget-idempotency-keys", database, idempotency, idempotency.c.created_at, KEYS_KEPT),
    ]


def _job(name: str, database: Database, table: Table, instant: Column[object], kept: timedelta) -> Job:
    return Job(name, EVERY, partial(forget, database, table, instant, kept))


async def forget(database: Database, table: Table, instant: Column[object], kept: timedelta) -> int:
    """Deletes the rows whose `instant` lies longer back than `kept`; the number deleted."""
    key = list(table.primary_key.columns)
    past = select(*key).where(instant < func.now() - literal(kept)).limit(STEP)
    statement = delete(table).where(tuple_(*key).in_(past))
    deleted = 0
    while True:
        async with database.write() as tx:
            step = (await tx.execute(statement)).rowcount
        deleted += step
        if step < STEP:
            return deleted
