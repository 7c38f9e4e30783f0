"""Counts calls against the contract's limit, and tells the caller what is left."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal
from services.chassis.limits import Limiter
from services.chassis.rpc.pipeline import Proceed
from services.chassis.rules import LimitRule


class LimitStage:
    """Refuses with RATE_LIMITED; answers carry ratelimit-limit, ratelimit-remaining and ratelimit-reset (seconds)."""

    def __init__(self, limiter: Limiter, scale: float = 1.0) -> None:
        """`scale` multiplies the rates of the contract."""
        self._limiter = limiter
        self._scaled = lru_cache(maxsize=None)(partial(_scaled, scale))

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        rule = self._scaled(call.rule.limit)
        who = f"address:{call.principal.address}" if rule.by_address else call.principal.subject
        taken = await self._limiter.take(f"{call.rule.full_name}:{who}", rule)
        call.trail("ratelimit-limit", str(rule.rate))
        call.trail("ratelimit-remaining", str(taken.remaining))
        call.trail("ratelimit-reset", str(round(taken.reset)))
        if not taken.allowed:
            raise ChassisRefusal("RATE_LIMITED", retry_after=taken.retry_after, limit=rule.rate, period=_period(rule))
        return await proceed(call)


def _scaled(scale: float, rule: LimitRule) -> LimitRule:
    return replace(rule, rate=max(1, round(rule.rate * scale)), burst=max(1, round(rule.burst * scale)))


def _period(rule: LimitRule) -> str:
    return f"{rule.period:g}s"
