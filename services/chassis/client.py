"""Channels to the other services: mTLS, deadline, retry, breaker, identity and trace are all on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import grpc
from opentelemetry.trace import SpanKind

from services.chassis.breaker import Breaker
from services.chassis.call import current_call
from services.chassis.channels import RenewingChannel
from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal
from services.chassis.metrics import CLIENT_SECONDS
from services.chassis.telemetry import inject, tracer
from services.chassis.tls import Identity

# What travels along with a call to the next service.
PROPAGATED = ("authorization", "accept-language", "x-request-id", "x-forwarded-for")
# Left to the caller's own work after the answer of a call it made.
RESERVE_SECONDS = 0.02


class MeshChannel:
    """What a generated stub takes for a channel. A renewed certificate makes a new connection underneath.

    Unary calls only: the contract has no streams between services, and a stub that needs one says so at once.
    """

    def __init__(
        self, name: str, target: str, contract: Contract, identity: Identity | None, default_deadline: float
    ) -> None:
        """`target` as host:port or dns:///…; `default_deadline` in seconds, for calls made outside any RPC."""
        self._default_deadline = default_deadline
        self._breaker = Breaker(name)
        self._channel = RenewingChannel(name, target, contract.methods.values(), identity)
        self._current = self._channel.current()
        self._made: dict[str, Any] = {}

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        """A callable that makes the call; awaited, it answers the response or raises."""

        async def call(request: Any, *, timeout: float | None = None, metadata: Iterable[tuple[str, str]] = ()) -> Any:
            return await self._call(method, request_serializer, response_deserializer, request, timeout, metadata)

        return call

    async def close(self) -> None:
        """Closes the connection, and those that are retiring."""
        await self._channel.close()

    async def _call(
        self, method: str, serialize: Any, parse: Any, request: Any, timeout: float | None, metadata: Any
    ) -> Any:
        timeout = self._timeout(timeout)
        self._breaker.check()
        made = self._callable(method, serialize, parse)
        started = time.perf_counter()
        code = grpc.StatusCode.OK
        with tracer.start_as_current_span(method[1:], kind=SpanKind.CLIENT, attributes={"rpc.system.name": "grpc"}):
            try:
                response = await made(request, timeout=timeout, metadata=_metadata(metadata))
                self._breaker.succeeded()
                return response
            except grpc.aio.AioRpcError as error:
                code = error.code()
                self._breaker.record(int(code.value[0]))
                raise
            finally:
                CLIENT_SECONDS.labels(method[1:], code.name).observe(time.perf_counter() - started)

    def _callable(self, method: str, serialize: Any, parse: Any) -> Any:
        current = self._channel.current()
        if current is not self._current:
            self._current, self._made = current, {}
        made = self._made.get(method)
        if made is None:
            made = self._made[method] = current.unary_unary(method, serialize, parse)
        return made

    def _timeout(self, own: float | None) -> float:
        timeout = own or self._default_deadline
        call = current_call()
        if call is None or call.deadline is None:
            return timeout
        remaining = call.deadline - asyncio.get_running_loop().time() - RESERVE_SECONDS
        if remaining <= 0:
            raise ChassisRefusal("DEADLINE_PASSED")
        return min(timeout, remaining)


def _metadata(extra: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    carrier = dict(extra)
    call = current_call()
    if call is not None:
        for key in PROPAGATED:
            value = call.metadata.get(key)
            if isinstance(value, str):
                carrier.setdefault(key, value)
    inject(carrier)
    return tuple(carrier.items())
