"""Answers a repeated request from the first one's stored answer, byte for byte."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import structlog
from google.protobuf.message import Message

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal
from services.chassis.idempotency import IdempotencyStore, Replay
from services.chassis.ids import intention
from services.chassis.rpc.pipeline import Proceed
from services.chassis.rules import Idempotency

log = structlog.get_logger(__name__)

KEY = "idempotency-key"
LONGEST_KEY = 255
LOCK_RESERVE_SECONDS = 2.0


class IdempotencyStage:
    """Guards the methods whose contract says so; the others pass."""

    def __init__(self, store: IdempotencyStore) -> None:
        self._store = store

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        if call.rule.idempotency is Idempotency.IGNORED:
            return await proceed(call)
        key = _key(call)
        if not key:
            if call.rule.idempotency is Idempotency.REQUIRED:
                raise ChassisRefusal("IDEMPOTENCY_KEY_REQUIRED")
            return await proceed(call)
        return await self._guard(call, key, proceed)

    async def _guard(self, call: Call, key: str, proceed: Proceed) -> Any:
        assert call.request is not None
        scope = call.principal.subject
        request = call.request.SerializeToString(deterministic=True)
        begun = await self._store.begin(scope, key, call.rule.full_name, request, lock=_lock(call))
        if isinstance(begun, Replay):
            call.trail("idempotent-replayed", "true")
            return begun.answer
        try:
            with intention(begun.intention):
                response: Message = await proceed(call)
            return await self._store.finish(scope, key, response.SerializeToString())
        except BaseException:
            await self._give_back(scope, key, begun.attempt)
            raise

    async def _give_back(self, scope: str, key: str, attempt: int) -> None:
        """A failed attempt can be retried; the intention stays, so that a half-done one is met again."""
        try:
            await self._store.abandon(scope, key, attempt)
        except Exception as error:  # noqa: BLE001  what ended the call must reach its caller; the lock runs out by itself
            log.warning("idempotency key not given back", error=type(error).__name__)


def _lock(call: Call) -> timedelta:
    """As long as the call can last: from then on a retry may take over what a dead process left."""
    assert call.deadline is not None
    return timedelta(seconds=max(1.0, call.deadline - asyncio.get_running_loop().time()) + LOCK_RESERVE_SECONDS)


def _key(call: Call) -> str:
    key = call.metadata.get(KEY) or getattr(call.request, "request_id", "")
    if not isinstance(key, str):
        raise ChassisRefusal("IDEMPOTENCY_KEY_INVALID")
    if key and (len(key) > LONGEST_KEY or not key.isascii() or not key.isprintable()):
        raise ChassisRefusal("IDEMPOTENCY_KEY_INVALID")
    return key
