"""Rate limits by the generic cell rate algorithm: in Redis for all processes together, in memory while Redis is gone."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha1

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from services.chassis.cache import RedisStore
from services.chassis.failures import DependencyDown
from services.chassis.metrics import counter
from services.chassis.rules import LimitRule

DECISIONS = counter("limit_decisions", "Limiter decisions by who decided and how.", ["decided_by", "outcome"])

# One key a caller and method: the theoretical arrival time (TAT) in microseconds of Redis' own clock, so that the clocks
# of the processes do not matter. Written for Redis 6.2: no Functions. The answer: allowed, remaining, reset, retry after.
GCRA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local later = tat + interval
local allowed_at = later - interval * burst
if now < allowed_at then
  return {0, 0, tat - now, allowed_at - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', later), 'PX', string.format('%.0f', math.ceil((later - now) / 1000)))
return {1, math.floor((now - allowed_at) / interval), later - now, 0}
"""
GCRA_SHA = sha1(GCRA.encode(), usedforsecurity=False).hexdigest()
MICRO = 1_000_000
LOCAL_KEYS = 20_000
# What a strict rule leaves of its rate to each process while the processes cannot count together.
STRICT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision. `reset`: seconds until the caller has the whole burst again; `retry_after`: until the next call."""

    allowed: bool
    remaining: int
    reset: float
    retry_after: float


class Limiter:
    """Counts calls. Never raises."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._local = LocalLimiter()

    async def take(self, key: str, rule: LimitRule) -> Taken:
        """Counts one call of `key` and says whether it is within the rule."""
        try:
            allowed, remaining, reset, retry_after = await self._store.run(lambda redis: _run(redis, key, rule))
        except DependencyDown:
            taken = self._local.take(key, _share(rule) if rule.strict else rule)
            DECISIONS.labels("process", "allowed" if taken.allowed else "refused").inc()
            return taken
        DECISIONS.labels("redis", "allowed" if allowed else "refused").inc()
        return Taken(bool(allowed), remaining, reset / MICRO, retry_after / MICRO)


async def _run(redis: Redis, key: str, rule: LimitRule) -> list[int]:
    arguments = (f"limit:{key}", str(round(rule.period / rule.rate * MICRO)), str(rule.burst))
    try:
        return await redis.evalsha(GCRA_SHA, 1, *arguments)  # type: ignore[no-any-return]
    except NoScriptError:  # a Redis that was restarted
        return await redis.eval(GCRA, 1, *arguments)  # type: ignore[no-any-return]


def _share(rule: LimitRule) -> LimitRule:
    burst = max(1, math.floor(rule.burst * STRICT_SHARE))
    # The period grows, and not the rate shrinks: a rate is a whole number.
    period = rule.period / STRICT_SHARE
    return LimitRule(rule.rate, period, rule.by_address, burst, rule.strict)


class LocalLimiter:
    """The same algorithm in this process's memory, for a bounded number of callers: the longest unseen is forgotten."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, rule: LimitRule) -> Taken:
        """Counts one call."""
        now = time.monotonic()
        interval = rule.period / rule.rate
        tat = max(self._arrivals.get(key, now), now)
        later = tat + interval
        allowed_at = later - interval * rule.burst
        # The same instant computed twice differs by rounding; a nanosecond is not worth a refusal.
        if now < allowed_at - 1e-9:
            return Taken(False, 0, tat - now, allowed_at - now)
        self._arrivals[key] = later
        self._arrivals.move_to_end(key)
        if len(self._arrivals) > LOCAL_KEYS:
            self._arrivals.popitem(last=False)
        return Taken(True, math.floor((now - allowed_at) / interval + 1e-9), later - now, 0.0)
