"""Periodic work, done by one process of a service at a time.

The leader holds an advisory lock on a connection of its own. That connection is also its lease: the server ends it when
nothing was heard for `LEASE_S`, so a process that froze loses the lock without having to notice. And because it may wake
up and go on where it stood, a job's write transactions are fenced: each begins by proving that the lock is still held.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from services.chassis.database import Database, write_guard
from services.chassis.metrics import counter, gauge, seconds
from services.chassis.supervision import Supervised

log = structlog.get_logger(__name__)
RUNS = counter("job_runs", "Runs of periodic jobs by how they ended.", ["job", "outcome"])
SECONDS = seconds("job_seconds", "How long a run took.", ["job"])
LEADER = gauge("jobs_leader", "1 while this process runs the jobs of its database.")

LEASE_S = 15.0
CONNECT_TIMEOUT_S = 2.0
# The classes of the three advisory locks, in PostgreSQL's (class, object) form.
LEADER_LOCK, TOKEN_LOCK, FENCE_LOCK = 0x6B657279, 0x6B65727A, 0x6B65727B

SHARE_FENCE = sa.text(f"SELECT pg_advisory_xact_lock_shared({FENCE_LOCK}, 0)")
HOLDS_TOKEN = sa.text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
    " AND classid = :lock AND objid = :token"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
).bindparams(lock=TOKEN_LOCK)


class LeadershipLost(Exception):
    """Another process may be doing the job by now; the transaction is refused."""


@dataclass(frozen=True, slots=True)
class Job:
    """Periodic work: `run` is called `every` so often, and cancelled after `timeout`."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]
    timeout: timedelta = timedelta(minutes=1)


class Jobs:
    """Runs jobs while this process leads, and tries to lead while it does not."""

    def __init__(self, database: Database, jobs: Sequence[Job], *, lease: float = LEASE_S) -> None:
        self._dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._jobs = jobs
        self._lease = lease
        self._leading = Supervised("jobs", self._lead)

    async def start(self) -> None:
        if self._jobs:
            self._leading.start()

    async def stop(self) -> None:
        """Cancels the runs under way and hands leadership over."""
        await self._leading.stop()

    async def _lead(self) -> None:
        settings = {"application_name": "kerya jobs", "idle_session_timeout": str(int(self._lease * 1000))}
        connection = await asyncpg.connect(self._dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings)
        try:
            token = await self._elected(connection)
            write_guard.set(_Fence(token))
            LEADER.set(1)
            log.info("leading jobs")
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hold(connection))
                for job in self._jobs:
                    group.create_task(self._repeat(job))
        finally:
            LEADER.set(0)
            connection.terminate()

    async def _elected(self, connection: asyncpg.Connection) -> int:
        """Waits for the lock; the token that proves this leadership and no other."""
        pause = self._lease / 3
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1, 0)", LEADER_LOCK, timeout=pause):
            await asyncio.sleep(pause)
        token = secrets.randbits(31)
        await connection.execute(f"SELECT pg_advisory_lock({TOKEN_LOCK}, {token})", timeout=pause)
        # Passes once no transaction of an earlier leader is open: those that proved their leadership in time may end,
        # within the bound on transactions, and all later ones are refused.
        await connection.execute(f"SELECT pg_advisory_xact_lock({FENCE_LOCK}, 0)", timeout=2 * self._lease)
        return token

    async def _hold(self, connection: asyncpg.Connection) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            await connection.execute("SELECT 1", timeout=self._lease / 3)

    async def _repeat(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            outcome = await self._run(job)
            took = loop.time() - began
            RUNS.labels(job.name, outcome).inc()
            SECONDS.labels(job.name).observe(took)
            await asyncio.sleep(max(0.0, job.every.total_seconds() - took))

    async def _run(self, job: Job) -> str:
        try:
            async with asyncio.timeout(job.timeout.total_seconds()):
                await job.run()
        except LeadershipLost:
            log.warning("job refused: leadership is lost", job=job.name)
            raise
        except TimeoutError:
            log.warning("job took too long", job=job.name)
            return "timeout"
        except Exception as error:  # one job's failure must not end the others; it is tried again at its next turn
            log.error("job failed", job=job.name, exc_info=error)
            return "failed"
        return "done"


class _Fence:
    """Lets a job's write transaction begin only while the leadership it runs under lasts."""

    def __init__(self, token: int) -> None:
        self._token = token

    async def __call__(self, connection: AsyncConnection) -> None:
        # First the fence, then the proof: whoever proves it in this order holds off the next leader until he is done.
        await connection.execute(SHARE_FENCE)
        if not await connection.scalar(HOLDS_TOKEN, {"token": self._token}):
            raise LeadershipLost
