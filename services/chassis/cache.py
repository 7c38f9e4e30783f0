"""Redis, kept at arm's length: what it holds makes things faster, and nothing stops when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from services.chassis.breaker import Breaker
from services.chassis.failures import DependencyDown
from services.chassis.metrics import counter

LOOKUPS = counter(
    "cache_lookups", "Cache look-ups by result: hit, miss, or down while Redis cannot be asked.", ["result"]
)

# The client's defaults wait 5 s and try eleven times: one read of a frozen Redis took more than 12 s.
TIMEOUT_S = 0.05
MAX_CONNECTIONS = 20
# A single slow answer is our own process being busy more often than Redis being gone; three in a row are not. From then
# on nobody waits, and one probe a second finds Redis back.
FAILURES = 3
OPEN_S = 1.0

T = TypeVar("T")


class RedisStore:
    """A Redis client with a bound on every command. Make one for the cache and one for the limiter: a burst on one must
    not starve the other."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._breaker = Breaker("redis", threshold=FAILURES, pause=OPEN_S)

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Runs a command within 50 ms. Raises DependencyDown where Redis is gone, at once while it is known to be."""
        self._breaker.check()
        try:
            # Connecting, its handshake and the command have one bound together, not one each.
            async with asyncio.timeout(TIMEOUT_S):
                answer = await command(self._redis)
        except (RedisError, OSError) as error:
            self._breaker.failed()
            raise DependencyDown("redis") from error
        self._breaker.succeeded()
        return answer

    async def check(self) -> None:
        """Raises DependencyDown where Redis does not answer; the health check of the dependency."""
        await self.run(lambda redis: redis.ping())

    async def close(self) -> None:
        await self._redis.aclose()


class Cache:
    """Bytes by key. Never raises: without Redis nothing is found and nothing is kept."""

    def __init__(self, store: RedisStore, namespace: str) -> None:
        self._store = store
        self._prefix = f"{namespace}:"

    async def get(self, key: str) -> bytes | None:
        """The value; None where there is none, or no Redis."""
        try:
            value = await self._store.run(lambda redis: redis.get(self._prefix + key))
        except DependencyDown:
            LOOKUPS.labels("down").inc()
            return None
        LOOKUPS.labels("miss" if value is None else "hit").inc()
        assert not isinstance(value, str), "the client is not told to decode"
        return value

    async def set(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Keeps the value for `ttl`, to the millisecond."""
        await self._try(lambda redis: redis.set(self._prefix + key, value, px=ttl))

    async def delete(self, *keys: str) -> bool:
        """Whether the keys are surely gone; False where Redis could not be asked, and an entry may live out its ttl."""
        return await self._try(lambda redis: redis.delete(*(self._prefix + key for key in keys)))

    async def _try(self, command: Callable[[Redis], Awaitable[object]]) -> bool:
        try:
            await self._store.run(command)
        except DependencyDown:
            return False
        return True
