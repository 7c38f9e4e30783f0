"""A repeated request has one effect and one answer."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.chassis.cache import Cache, RedisStore
from services.chassis.crypto import BlindIndex, FieldCipher
from services.chassis.database import Database
from services.chassis.errors import ChassisRefusal
from services.chassis.idempotency import Begun, IdempotencyStore, Replay

KEY = bytes(range(32))
ASK = ("user:1", "key-1", "kerya.facts.v1.Facts/Find", b"request")


@pytest.fixture(params=["with Redis", "without Redis"])
async def store(request: pytest.FixtureRequest, database: Database, redis_url: str) -> AsyncIterator[IdempotencyStore]:
    redis = RedisStore(redis_url if request.param == "with Redis" else "redis://127.0.0.1:1/0")
    yield IdempotencyStore(database, Cache(redis, "tests"), FieldCipher("k1", {"k1": KEY}), BlindIndex(KEY))
    await redis.close()


async def _begun(store: IdempotencyStore, *, lock: float = 30) -> Begun:
    begun = await store.begin(*ASK, lock=timedelta(seconds=lock))
    assert isinstance(begun, Begun)
    return begun


async def test_a_repeated_request_gets_the_first_answer(store: IdempotencyStore) -> None:
    await _begun(store)
    assert await store.finish(*ASK[:2], b"answer") == b"answer"
    assert await store.begin(*ASK) == Replay(b"answer")


async def test_another_request_under_the_same_key_is_refused(store: IdempotencyStore) -> None:
    await _begun(store)
    for answered in (False, True):
        for other in (("other/Method", b"request"), (ASK[2], b"other")):
            with pytest.raises(ChassisRefusal, match="IDEMPOTENCY_KEY_REUSED"):
                await store.begin(*ASK[:2], *other)
        if not answered:
            await store.finish(*ASK[:2], b"answer")


async def test_another_caller_has_keys_of_its_own(store: IdempotencyStore) -> None:
    await _begun(store)
    assert isinstance(await store.begin("user:2", *ASK[1:]), Begun)


async def test_of_50_parallel_requests_one_begins(store: IdempotencyStore) -> None:
    answers = await asyncio.gather(*(store.begin(*ASK) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(answer, Begun) for answer in answers) == 1
    refused = [answer for answer in answers if isinstance(answer, ChassisRefusal)]
    assert len(refused) == 49
    assert {error.reason for error in refused} == {"IDEMPOTENCY_IN_PROGRESS"}
    assert all(0 < (error.retry_after or 0) <= 30 for error in refused)


async def test_a_failed_attempt_can_be_retried_with_the_same_intention(store: IdempotencyStore) -> None:
    first = await _begun(store)
    await store.abandon(*ASK[:2], first.attempt)
    second = await _begun(store)
    assert (second.intention, second.attempt) == (first.intention, first.attempt + 1)
    # The first attempt, overtaken, gives nothing back that is its successor's.
    await store.abandon(*ASK[:2], first.attempt)
    with pytest.raises(ChassisRefusal, match="IDEMPOTENCY_IN_PROGRESS"):
        await store.begin(*ASK)
    await store.finish(*ASK[:2], b"answer")
    await store.abandon(*ASK[:2], second.attempt)
    assert await store.begin(*ASK) == Replay(b"answer")


async def test_a_dead_holders_key_is_taken_over_with_its_intention(store: IdempotencyStore) -> None:
    first = await _begun(store, lock=0.2)
    await asyncio.sleep(0.3)
    assert (await _begun(store)).intention == first.intention
    # The first one was not dead after all: whoever comes second answers what the first one answered.
    assert await store.finish(*ASK[:2], b"quicker") == b"quicker"
    assert await store.finish(*ASK[:2], b"slower") == b"quicker"


async def test_neither_request_nor_answer_lies_readable_in_the_database(
    store: IdempotencyStore, database: Database
) -> None:
    await store.begin(*ASK[:3], b"password=hunter2")
    await store.finish(*ASK[:2], b"amina@example.com")
    async with database.read() as connection:
        row = (await connection.execute(sa.text("SELECT * FROM idempotency"))).one()
    assert b"hunter2" not in repr(tuple(row)).encode()
    assert b"amina" not in bytes(row.answer)
