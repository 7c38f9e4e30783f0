"""PostgreSQL: the engine, and the two kinds of connection that a repository can ask for."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, NewType

import asyncpg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.chassis import inbox
from services.chassis.delivery import Delivery

# A WriteConnection is a ReadConnection as well: a transaction may read what it is about to change.
ReadConnection = NewType("ReadConnection", AsyncConnection)
WriteConnection = NewType("WriteConnection", ReadConnection)

# The statement, the seconds it took, and its error where it failed. Called in the task that ran it.
StatementHook = Callable[[str, float, BaseException | None], None]
# Runs first in every write transaction of the current task, and refuses it by raising; see `jobs.Leadership`.
WriteGuard = Callable[[AsyncConnection], Awaitable[None]]
write_guard: ContextVar[WriteGuard | None] = ContextVar("write_guard", default=None)

SERVER_SETTINGS = {
    # A query that takes longer than a request may take helps nobody and holds its locks meanwhile.
    "statement_timeout": "2s",
    # Behind a lock, waiting is worse than a retry: the queue behind the waiter waits, too.
    "lock_timeout": "500ms",
    # A process that froze inside a transaction must not keep its locks.
    "idle_in_transaction_session_timeout": "10s",
    # Instants are compared and printed in one zone.
    "timezone": "UTC",
}
# The bound on a whole transaction exists from PostgreSQL 17 on, and naming it at connect fails before.
TRANSACTION_TIMEOUT = "SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'transaction_timeout'"
# The client's own bound on a statement, past the server's: it ends the wait for a server that does not answer at all.
COMMAND_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 2.0
# With no overflow the sum over all processes is known, and stays below the server's max_connections.
POOL_SIZE = 5
# A request that gets no connection within a second is better told so: its deadline is a few seconds.
POOL_TIMEOUT_S = 1.0
# Connections are renewed, so that a server that came back after a failover gets its share, and caches do not grow.
POOL_RECYCLE_S = 1800


class Database:
    """One service's database. Failures come out as SQLAlchemy and asyncpg raise them; `failures` tells their kind."""

    def __init__(
        self,
        url: str,
        *,
        read_url: str | None = None,
        application: str = "kerya",
        pool_size: int = POOL_SIZE,
        on_statement: StatementHook | None = None,
    ) -> None:
        self.url = url
        self.on_statement = on_statement
        self._primary = self._engine(url, application, pool_size)
        self._replica = self._engine(read_url, application, pool_size) if read_url else None

    def _engine(self, url: str, application: str, pool_size: int) -> AsyncEngine:
        engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_recycle=POOL_RECYCLE_S,
            # Without it, the first request on each pooled connection after a failover fails.
            pool_pre_ping=True,
            # The default, changed for each write: reads take one round trip and not three, and so does the ping.
            isolation_level="AUTOCOMMIT",
            # Parameters are people's data, and errors end in logs.
            hide_parameters=True,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": COMMAND_TIMEOUT_S,
                "server_settings": {**SERVER_SETTINGS, "application_name": application},
            },
        )
        event.listen(engine.sync_engine, "connect", _bound_transactions)
        event.listen(engine.sync_engine, "before_cursor_execute", _start_statement)
        event.listen(engine.sync_engine, "after_cursor_execute", self._end_statement)
        event.listen(engine.sync_engine, "handle_error", self._fail_statement)
        return engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadConnection]:
        """A connection for reading, without a transaction; may be a replica, a moment behind."""
        async with (self._replica or self._primary).connect() as connection:
            yield ReadConnection(connection)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteConnection]:
        """One READ COMMITTED transaction: commits on leaving the block, rolls back on any exception."""
        async with self._primary.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                guard = write_guard.get()
                if guard is not None:
                    await guard(connection)
                yield WriteConnection(ReadConnection(connection))

    @asynccontextmanager
    async def once(self, delivery: Delivery) -> AsyncIterator[WriteConnection]:
        """A write whose first statement is the event's inbox row. Raises AlreadyHandled for an event seen before."""
        async with self.write() as tx:
            await inbox.enter(tx, delivery)
            yield tx

    async def check(self) -> None:
        """Raises where the primary, or the replica, does not answer; the health check of the dependency."""
        async with self.write() as tx:
            await tx.execute(sa.text("SELECT 1"))
        if self._replica is not None:
            async with self.read() as connection:
                await connection.execute(sa.text("SELECT 1"))

    def checked_out(self) -> int:
        """Connections in use at this moment, of both pools."""
        engines = [engine for engine in (self._primary, self._replica) if engine is not None]
        return sum(engine.pool.checkedout() for engine in engines)  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Closes the pools; connections in use are closed as they are given back."""
        await self._primary.dispose()
        if self._replica is not None:
            await self._replica.dispose()

    def _end_statement(self, connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if self.on_statement is not None:
            self.on_statement(statement, time.perf_counter() - connection.info["statement_start"], None)

    def _fail_statement(self, failure: Any) -> None:
        if isinstance(failure.original_exception.__cause__, asyncpg.InternalClientError):
            # A session that was terminated in the middle of an operation leaves the driver's state in the middle, too:
            # such a connection must not go back to the pool.
            failure.is_disconnect = True
        if self.on_statement is not None and failure.connection is not None and failure.statement is not None:
            seconds = time.perf_counter() - failure.connection.info.get("statement_start", time.perf_counter())
            self.on_statement(failure.statement, seconds, failure.original_exception)


def _bound_transactions(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(TRANSACTION_TIMEOUT)
    cursor.close()


def _start_statement(connection: Any, *_rest: Any) -> None:
    connection.info["statement_start"] = time.perf_counter()
