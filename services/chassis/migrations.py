"""Alembic, driven from code: a service holds its `migrations/versions/` and nothing else.

Several processes may start at once: one migrates, the others wait for it and find nothing left to do.
"""

from __future__ import annotations

import asyncio
import hashlib
from importlib import resources
from typing import Any, Protocol

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

# A migration that waits for a lock makes every query behind it wait, too (an ALTER behind an open reader blocked plain
# reads for as long as the reader lived), so it gives up early and tries again.
LOCK_TIMEOUT = "1s"
STATEMENT_TIMEOUT = "5s"
ATTEMPTS = 10
LOCK_NOT_AVAILABLE = "55P03"
WAIT_FOR_OTHERS_S = 120.0
POLL_S = 0.1


class Execute(Protocol):
    """What a migration runs statements with: the module `alembic.op`, or an Operations object."""

    def execute(self, sqltext: str) -> Any: ...


async def upgrade(database_url: str, package: str, revision: str = "head") -> None:
    """Brings the database of a service to `revision`; `package` is its Python package, "services.booking".

    Raises TimeoutError when another process migrates for longer than two minutes, and whatever a migration raises.
    """
    engine = create_async_engine(database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await _wait_for_turn(connection, package)
            await connection.execute(sa.text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(sa.text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
            # SQLAlchemy counts even autocommitted statements as a transaction, which has to end first.
            await connection.commit()
            await connection.execution_options(isolation_level="READ COMMITTED")
            await _upgrade_patiently(connection, package, revision)
    finally:
        await engine.dispose()


async def _wait_for_turn(connection: AsyncConnection, package: str) -> None:
    # Polled, not awaited inside PostgreSQL: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY in the
    # process whose turn it is would wait for that snapshot for ever.
    key = int.from_bytes(hashlib.sha256(f"migrations of {package}".encode()).digest()[:8], signed=True)
    async with asyncio.timeout(WAIT_FOR_OTHERS_S):
        while not await connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
            await asyncio.sleep(POLL_S)


async def _upgrade_patiently(connection: AsyncConnection, package: str, revision: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            await connection.run_sync(_run, package, revision)
            return
        except DBAPIError as error:
            await connection.rollback()
            if attempt == ATTEMPTS or getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            await asyncio.sleep(0.2 * attempt)


def _run(connection: Connection, package: str, revision: str) -> None:
    script = scripts(package)

    def steps(current: Any, _context: Any) -> Any:
        return script._upgrade_revs(revision, current)

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=revision) as environment:
        # One transaction a migration, so that the short lock of one is not held while the next one waits.
        environment.configure(connection=connection, transaction_per_migration=True, target_metadata=None)
        with environment.begin_transaction():
            environment.run_migrations()
    connection.commit()


def scripts(package: str) -> ScriptDirectory:
    """The migrations of a service's package, as Alembic reads them."""
    directory = str(resources.files(package) / "migrations")
    return ScriptDirectory(directory, version_locations=[f"{directory}/versions"])


def create_chassis_tables(op: Execute) -> None:
    """Creates outbox, inbox and idempotency; the first migration of every service calls it.

    The statements are frozen here: a later change of these tables is a further function, called by a further migration,
    so that old migrations go on meaning what they meant.
    """
    for statement in CHASSIS_TABLES_1:
        op.execute(statement)


CHASSIS_TABLES_1 = (
    """
    CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
        id uuid NOT NULL CONSTRAINT outbox_id_key UNIQUE,
        aggregate text NOT NULL,
        stream text NOT NULL,
        subject text NOT NULL,
        type text NOT NULL,
        payload bytea NOT NULL,
        traceparent text NOT NULL DEFAULT '',
        occurred_at timestamptz NOT NULL,
        not_before timestamptz NOT NULL DEFAULT '-infinity',
        published_at timestamptz,
        parked_at timestamptz,
        parked_reason text
    )
    """,
    "CREATE INDEX outbox_pending_idx ON outbox (seq) WHERE published_at IS NULL AND parked_at IS NULL",
    """
    CREATE INDEX outbox_pending_aggregate_idx ON outbox (aggregate, seq)
    WHERE published_at IS NULL AND parked_at IS NULL
    """,
    "CREATE INDEX outbox_published_at_idx ON outbox (published_at) WHERE published_at IS NOT NULL",
    """
    CREATE TABLE inbox (
        event_id uuid NOT NULL,
        consumer text NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT inbox_pkey PRIMARY KEY (event_id, consumer)
    )
    """,
    "CREATE INDEX inbox_handled_at_idx ON inbox (handled_at)",
    """
    CREATE TABLE idempotency (
        scope text NOT NULL,
        key text NOT NULL,
        method text NOT NULL,
        request_hash bytea NOT NULL,
        intention uuid NOT NULL,
        state text NOT NULL,
        answer bytea,
        attempts integer NOT NULL DEFAULT 1,
        locked_until timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT idempotency_pkey PRIMARY KEY (scope, key)
    )
    """,
    "CREATE INDEX idempotency_created_at_idx ON idempotency (created_at)",
)
