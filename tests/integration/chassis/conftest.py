"""What the chassis' tests stand on: a database with the chassis' tables, a bus with the facts' stream."""

from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.jetstream import JetStream
from services.chassis.migrations import create_chassis_tables
from services.chassis.outbox import Outbox
from tests.integration.chassis.facts import PACKAGE, contract
from tests.integration.chassis.stand import Bench

EFFECT = "CREATE TABLE effect (event_id uuid NOT NULL, thing text NOT NULL, number bigint NOT NULL, at timestamptz DEFAULT now())"


@pytest.fixture
async def prepared_url(database_url: str) -> str:
    """A database with the chassis' tables and a table of effects."""
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: create_chassis_tables(Operations(MigrationContext.configure(sync))))
        await connection.execute(sa.text(EFFECT))
    await engine.dispose()
    return database_url


@pytest.fixture
async def database(prepared_url: str) -> AsyncIterator[Database]:
    database = Database(prepared_url)
    yield database
    await database.close()


@pytest.fixture
async def jetstream(nats_url: str) -> AsyncIterator[JetStream]:
    jetstream = JetStream(nats_url, name="tests")
    await jetstream.start(within=5)
    yield jetstream
    await jetstream.stop()


@pytest.fixture
async def bench(database: Database, jetstream: JetStream, nats_url: str) -> Bench:
    await jetstream.declare(contract(), PACKAGE)
    outbox = Outbox(lambda event: event, contract=contract(), clock=Clock())
    return Bench(database, jetstream, outbox, database.url, nats_url)
