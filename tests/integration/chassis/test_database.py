"""The database under cancellation, terminated sessions and a killed server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.engines import postgres
from deploy.local.probe import free_ports
from services.chassis import migrations
from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.delivery import AlreadyHandled, Delivery
from services.chassis.failures import failed_dependency
from services.chassis.housekeeping import forget
from services.chassis.tables import chassis_metadata, inbox, outbox
from tests.integration.chassis.crash import LONG, Engine
from tests.integration.chassis.stand import INSERT, until

SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
)
IN_USE = sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")


async def test_p18_cancelled_requests_leak_nothing(database: Database) -> None:
    """1,000 requests cancelled at random instants: pool checked-out 0, idle in transaction 0."""
    random = Random(18)

    async def request(number: int) -> None:
        async with database.write() as tx:
            await tx.execute(INSERT, {"id": uuid4(), "thing": "a", "number": number})
            await tx.execute(sa.text("SELECT pg_sleep(0.002)"))
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT count(*) FROM effect"))

    for batch in range(125):
        tasks = [asyncio.create_task(request(8 * batch + n)) for n in range(8)]
        for task in tasks:
            await asyncio.sleep(random.random() * 0.004)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert database.checked_out() == 0
    async with database.read() as connection:
        assert await connection.scalar(sa.text(SESSIONS)) == 0


async def test_a_write_is_undone_by_any_exception(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.write() as tx:
            await tx.execute(INSERT, {"id": uuid4(), "thing": "a", "number": 1})
            raise ZeroDivisionError
    async with database.read() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM effect")) == 0


async def test_an_event_is_handled_once(database: Database) -> None:
    delivery = Delivery(uuid4(), "fact.found", Clock().now(), 1, "tests-fact")
    other = Delivery(delivery.event_id, "fact.found", delivery.occurred_at, 1, "others-fact")

    async def handle(which: Delivery) -> bool:
        try:
            async with database.once(which) as tx:
                await tx.execute(INSERT, {"id": which.event_id, "thing": which.consumer, "number": 1})
            return True
        except AlreadyHandled:
            return False

    assert sorted(await asyncio.gather(*(handle(delivery) for _ in range(4)))) == [False, False, False, True]
    assert await handle(other)


async def test_statements_and_locks_have_bounds(database: Database) -> None:
    async with database.read() as connection:
        found = await connection.execute(
            sa.text(
                "SELECT name, setting FROM pg_settings WHERE name IN"
                " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"
            )
        )
        bounds = {row.name: int(row.setting) for row in found}
    assert bounds == {
        "statement_timeout": 2_000,
        "lock_timeout": 500,
        "idle_in_transaction_session_timeout": 10_000,
        "transaction_timeout": 5_000,
    }


async def test_the_statement_hook_sees_each_statement_its_time_and_its_error(prepared_url: str) -> None:
    seen: list[tuple[str, bool]] = []
    database = Database(prepared_url, on_statement=lambda text, took, error: seen.append((text, error is not None)))
    async with database.read() as connection:
        await connection.execute(sa.text("SELECT 1"))
        with pytest.raises(DBAPIError):
            await connection.execute(sa.text("SELECT 1 / 0"))
    await database.close()
    assert [call for call in seen if call[0] in ("SELECT 1", "SELECT 1 / 0")] == [
        ("SELECT 1", False),
        ("SELECT 1 / 0", True),
    ]


async def test_errors_do_not_quote_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as failure:
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT 1 / 0 WHERE :who <> ''"), {"who": "amina@example.com"})
    assert "amina" not in str(failure.value)


@pytest.fixture
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Engine, str]]:
    """A PostgreSQL of this test alone, with fsync, and the URL of a database with a table of effects."""
    home = tmp_path_factory.mktemp("postgres")
    for folder in (home, home.parent, home.parent.parent):
        folder.chmod(0o711)  # PostgreSQL may run as another user than we do
    (port,) = free_ports(1)
    server = postgres.Cluster(Path(home), port, "secret", {"kerya": "secret"})
    engine = Engine(lambda: postgres.start(server))
    await engine.start()
    url = server.url("kerya")
    scratch = create_async_engine(url)
    async with scratch.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE effect (event_id uuid, thing text, number bigint)"))
    await scratch.dispose()
    yield engine, url
    await engine.stop()


async def test_p19_reads_survive_terminated_sessions_and_commits_a_killed_server(cluster: tuple[Engine, str]) -> None:
    """All sessions terminated: no read fails with one retry. Then SIGKILL and restart: committed loss 0."""
    engine, url = cluster
    database = Database(url)
    committed: set[int] = set()
    stop = asyncio.Event()

    async def write(first: int) -> None:
        number = first
        while not stop.is_set():
            try:
                async with database.write() as tx:
                    await tx.execute(INSERT, {"id": uuid4(), "thing": "a", "number": number})
                committed.add(number)
            except Exception as error:
                assert failed_dependency(error) == "database", repr(error)
                await asyncio.sleep(0.05)
            number += 10

    async def read() -> int:
        for attempt in (1, 2):
            try:
                async with database.read() as connection:
                    return int(await connection.scalar(sa.text("SELECT count(*) FROM effect")) or 0)
            except Exception as error:
                # As a client sees it: UNAVAILABLE, once, is answered by a retry.
                if attempt == 2 or failed_dependency(error) != "database":
                    raise
        raise AssertionError

    writers = [asyncio.create_task(write(first)) for first in range(3)]
    for _ in range(100 if LONG else 20):
        await asyncio.sleep(0.02)
        await _terminate_all(url)
        await read()
    for _ in range(5 if LONG else 1):
        before = len(committed)
        await engine.kill()
        await engine.start()
        await until(lambda: _grew(committed, before + 20), 20)
        await read()
    stop.set()
    await asyncio.gather(*writers)
    async with database.read() as connection:
        found = set((await connection.execute(sa.text("SELECT number FROM effect"))).scalars())
    assert committed <= found
    assert database.checked_out() == 0
    await database.close()


async def _terminate_all(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        for pid in (await connection.execute(IN_USE)).scalars().all():
            await connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    await engine.dispose()


async def _grew(found: set[int], to: int) -> bool:
    return len(found) > to


async def test_the_chassis_migration_makes_the_tables_that_the_chassis_reads(prepared_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        connection.execute(sa.text("DROP TABLE effect"))
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return list(compare_metadata(context, chassis_metadata()))

    engine = create_async_engine(prepared_url)
    async with engine.begin() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


MIGRATION = """
import sqlalchemy as sa
from alembic import op

from services.chassis.migrations import create_chassis_tables

revision, down_revision = "0001", None


def upgrade():
    create_chassis_tables(op)
    op.execute("SELECT pg_sleep(0.3)")
    op.create_table("thing", sa.Column("id", sa.Integer, primary_key=True))
"""
SECOND = """
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY thing_id_idx ON thing (id)")
"""


async def test_parallel_starters_migrate_once_and_all_wait(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "migrated" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "migrated" / "__init__.py").touch()
    (versions / "0001_start.py").write_text(MIGRATION)
    (versions / "0002_index.py").write_text(SECOND)
    monkeypatch.syspath_prepend(str(tmp_path))
    await asyncio.gather(*(migrations.upgrade(database_url, "migrated") for _ in range(4)))
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0002"
        assert await connection.scalar(sa.text("SELECT count(*) FROM thing")) == 0
        assert await connection.scalar(sa.text("SELECT count(*) FROM pg_indexes WHERE indexname = 'thing_id_idx'")) == 1
    await engine.dispose()


async def test_old_rows_are_forgotten_and_pending_ones_kept(database: Database) -> None:
    from datetime import timedelta

    insert = sa.text(
        "INSERT INTO outbox (id, aggregate, stream, subject, type, payload, occurred_at, published_at)"
        " SELECT gen_random_uuid(), 'a', 's', 's', 't', ''::bytea, now(), now() - n * interval '1 day' FROM generate_series(1, 30) n"
        " UNION ALL SELECT gen_random_uuid(), 'a', 's', 's', 't', ''::bytea, now() - interval '60 days', NULL"
    )
    async with database.write() as tx:
        await tx.execute(insert)
    assert await forget(database, outbox, outbox.c.published_at, timedelta(days=14)) == 17
    assert await forget(database, inbox, inbox.c.handled_at, timedelta(days=30)) == 0
    async with database.read() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM outbox")) == 14
