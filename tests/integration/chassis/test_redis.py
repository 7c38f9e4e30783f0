"""Cache and limiter on Redis, and without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.engines import redis as redis_engine
from deploy.local.probe import free_ports
from services.chassis.cache import Cache, RedisStore
from services.chassis.failures import DependencyDown
from services.chassis.limits import Limiter
from services.chassis.rules import LimitRule
from tests.integration.chassis.crash import LONG, Engine
from tests.integration.chassis.stand import until

MINUTE = timedelta(minutes=1)
WITHIN_S = 0.06


def rule(rate: int, period: float, *, burst: int = 0, strict: bool = False) -> LimitRule:
    return LimitRule(rate, period, False, burst or rate, strict)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(redis_url)
    yield store
    await store.close()


async def test_the_cache_keeps_bytes_for_their_time(store: RedisStore) -> None:
    cache = Cache(store, "tests")
    assert await cache.get("a") is None
    await cache.set("a", b"\x00\xff", MINUTE)
    await cache.set("b", b"brief", timedelta(milliseconds=50))
    assert await cache.get("a") == b"\x00\xff"
    assert await Cache(store, "others").get("a") is None
    await asyncio.sleep(0.08)
    assert await cache.get("b") is None
    assert await cache.delete("a")
    assert await cache.get("a") is None


async def test_cancelled_commands_never_hand_one_readers_value_to_another(store: RedisStore) -> None:
    cache = Cache(store, "tests")
    for number in range(20):
        await cache.set(str(number), str(number).encode(), MINUTE)

    async def read(number: int) -> None:
        assert await cache.get(str(number)) in (str(number).encode(), None)

    for _ in range(25):
        tasks = [asyncio.create_task(read(number)) for number in range(20)]
        await asyncio.sleep(0.001)
        for task in tasks[::2]:
            task.cancel()
        for task, result in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            assert result is None or (task.cancelled() and isinstance(result, asyncio.CancelledError)), repr(result)


async def test_a_limit_lets_its_burst_through_and_then_its_rate(store: RedisStore) -> None:
    limiter = Limiter(store)
    limit = rule(10, 1.0, burst=5)
    taken = [await limiter.take("a", limit) for _ in range(6)]
    assert [each.allowed for each in taken] == [True] * 5 + [False]
    assert taken[0].remaining == 4
    assert 0 < taken[5].retry_after <= 0.1
    assert 0.3 < taken[4].reset <= 0.5
    await asyncio.sleep(taken[5].retry_after + 0.01)
    assert (await limiter.take("a", limit)).allowed
    assert (await limiter.take("b", limit)).allowed


async def test_processes_count_together(redis_url: str) -> None:
    stores = [RedisStore(redis_url) for _ in range(4)]

    async def take_ten(store: RedisStore) -> int:
        limiter = Limiter(store)
        # The first command also connects, which may take longer than a command may.
        await until(lambda: _answers(store), 5)
        return sum([(await limiter.take("a", rule(10, 3600.0))).allowed for _ in range(10)])

    assert sum(await asyncio.gather(*(take_ten(store) for store in stores))) == 10
    for store in stores:
        await store.close()


async def _answers(store: RedisStore) -> bool:
    try:
        await store.check()
    except DependencyDown:
        return False
    return True


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Engine, str]]:
    """A Redis of this test alone, and its URL."""
    (port,) = free_ports(1)
    own = redis_engine.Store(tmp_path / "redis", port, "secret")
    engine = Engine(lambda: redis_engine.start(own))
    await engine.start()
    yield engine, own.url()
    await engine.stop()


@pytest.mark.parametrize("way", ["frozen", "killed"])
async def test_p20_without_redis_cache_and_limiter_degrade_within_60_ms(server: tuple[Engine, str], way: str) -> None:
    """p99 at most 60 ms, nothing raises; the local limiter decides, a strict rule with a tenth; Redis is found again."""
    engine, url = server
    stores = RedisStore(url), RedisStore(url)
    cache, limiter = Cache(stores[0], "tests"), Limiter(stores[1])
    await cache.set("a", b"1", MINUTE)
    assert await cache.get("a") == b"1"
    assert (await limiter.take("warm", rule(10, 60.0))).allowed

    await (_freeze(engine) if way == "frozen" else engine.kill())
    open_rule, strict_rule = rule(20, 3600.0), rule(20, 3600.0, strict=True)
    took: list[float] = []
    answers: dict[str, list[bool]] = {"open": [], "strict": []}

    async def ask() -> None:
        answers["open"].append((await limiter.take("open", open_rule)).allowed)

    for _ in range(600 if LONG else 60):
        took += [
            await _time(lambda: cache.get("a")),
            await _time(lambda: cache.set("a", b"2", MINUTE)),
            await _time(ask),
        ]
        answers["strict"].append((await limiter.take("strict", strict_rule)).allowed)
        await asyncio.sleep(0.05)
    assert sum(answers["open"]) == 20
    assert sum(answers["strict"]) == 2
    p99 = sorted(took)[int(0.99 * len(took)) - 1]
    assert p99 < WITHIN_S, f"p99 {p99 * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms"

    if way == "frozen":
        engine.thaw()
    else:
        await engine.start()

    async def back() -> bool:
        await cache.set("c", b"3", MINUTE)
        return await cache.get("c") == b"3"

    await until(back, 5)
    for store in stores:
        await store.close()


async def _freeze(engine: Engine) -> None:
    engine.freeze()


async def _time(action: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began
