"""The table of nights by itself, without anybody waiting in turn: what two processes of the service do to each other."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.booking.domain.booking import Booking
from services.booking.domain.events import Taking
from services.booking.domain.stay import Stay
from services.booking.repository import nights
from services.chassis.database import Database
from services.chassis.ids import new_id
from services.chassis.migrations import upgrade
from tests.unit.booking.samples import held, quote

SEED = 20270302
LOCK_NOT_AVAILABLE = "55P03"
# As many workers as there are connections: waiting for one of those is not what is tried here.
WORKERS, EACH = 24, 25


@pytest.fixture
async def databases(database_url: str) -> AsyncIterator[list[Database]]:
    await upgrade(database_url, "services.booking")
    found = [Database(database_url, pool_size=12) for _ in range(2)]
    yield found
    for database in found:
        await database.close()


def stay_of(chance: random.Random, property_id: UUID) -> Booking:
    first = date(2027, 6, 1) + timedelta(days=chance.randrange(60))
    during = Stay(first, first + timedelta(days=chance.randrange(1, 10)))
    booking = held(quote(during=during), datetime(2027, 3, 1, tzinfo=UTC))
    return replace(booking, booking_id=new_id(), property_id=property_id)


class NotFree(Exception):
    """Somebody has a night."""


async def hold(database: Database, booking: Booking) -> Taking:
    """Takes the nights; where a busy machine lets the bound on waiting for a lock run out, tries again as a client does."""
    while True:
        try:
            return await _hold(database, booking)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise


async def _hold(database: Database, booking: Booking) -> Taking:
    async with database.write() as tx:
        taking = await nights.hold(tx, booking)
        if taking is None:
            raise NotFree
        # The rest of the transaction, while the nights are ours and others wait for them.
        await tx.execute(sa.text("SELECT pg_sleep(0.001)"))
        return taking


async def test_random_stays_never_overlap_never_deadlock_and_leave_no_part(databases: list[Database]) -> None:
    properties = [new_id() for _ in range(3)]
    kept: list[Booking] = []
    took: list[float] = []

    async def work(worker: int) -> None:
        chance, database = random.Random(SEED + worker), databases[worker % 2]
        for _ in range(EACH):
            booking = stay_of(chance, chance.choice(properties))
            began = time.perf_counter()
            try:
                await hold(database, booking)
            except NotFree:
                continue
            finally:
                took.append(time.perf_counter() - began)
            if chance.random() < 0.7:
                async with database.write() as tx:
                    await nights.release(tx, booking)
            else:
                kept.append(booking)

    # Any deadlock would come out of here.
    await asyncio.gather(*(work(worker) for worker in range(WORKERS)))
    wanted = sorted(
        (booking.property_id, night, booking.booking_id) for booking in kept for night in booking.stay.nights()
    )
    async with databases[0].read() as conn:
        rows = await conn.execute(sa.text("SELECT property_id, night, booking_id FROM night ORDER BY 1, 2"))
        assert [tuple(row) for row in rows] == wanted
        assert (
            await conn.scalar(sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")) == 0
        )
    assert len({night[:2] for night in wanted}) == len(wanted) > 0
    print(f"{len(took)} attempts, median {sorted(took)[len(took) // 2] * 1000:.1f} ms")


async def test_of_a_hundred_for_the_same_nights_one_wins(databases: list[Database]) -> None:
    property_id = new_id()
    booking = replace(stay_of(random.Random(SEED), property_id), property_id=property_id)
    connections = asyncio.Semaphore(WORKERS)

    async def want(number: int) -> Taking:
        async with connections:
            return await hold(databases[number % 2], replace(booking, booking_id=new_id()))

    results = await asyncio.gather(*map(want, range(100)), return_exceptions=True)
    assert sum(isinstance(result, Taking) for result in results) == 1
    assert sum(isinstance(result, NotFree) for result in results) == 99


async def test_changes_of_a_night_are_numbered_in_their_order(databases: list[Database]) -> None:
    booking, versions = stay_of(random.Random(SEED), new_id()), []
    for _ in range(5):
        versions.append((await hold(databases[0], booking)).version)
        async with databases[1].write() as tx:
            versions.append((await nights.release(tx, booking)).version)
    assert versions == sorted(set(versions))
