"""Channels to the other services: mTLS, deadline, retry, breaker, identity and trace are all on them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import grpc
from opentelemetry.trace import SpanKind

from services.chassis.breaker import Breaker
from services.chassis.call import current_call
from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal
from services.chassis.metrics import CLIENT_SECONDS
from services.chassis.rules import MethodRule
from services.chassis.telemetry import inject, tracer
from services.chassis.tls import Identity

# What travels along with a call to the next service.
PROPAGATED = ("authorization", "accept-language", "x-request-id", "x-forwarded-for")
# Left to the caller's own work after the answer of a call it made.
RESERVE_SECONDS = 0.02
# Closing at once would cut the calls that an old channel still carries.
RETIREMENT_SECONDS = 30.0
RENEWAL_CHECK_SECONDS = 5.0

_OPTIONS: list[tuple[str, Any]] = [
    # Never below what servers allow (rpc/server.py), or they answer ENHANCE_YOUR_CALM.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without it a frozen peer is noticed after 70 s, not 12 s.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The default waits up to 120 s before it tries a server again that was down.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class MeshChannel:
    """What a generated stub takes for a channel. A renewed certificate makes a new connection underneath."""

    def __init__(
        self, name: str, target: str, contract: Contract, identity: Identity | None, default_deadline: float
    ) -> None:
        """`target` as host:port or dns:///…; `default_deadline` in seconds, for calls made outside any RPC."""
        self._name = name
        self._target = target
        self._contract = contract
        self._identity = identity
        self._default_deadline = default_deadline
        self._breaker = Breaker(name)
        self._options = [*_OPTIONS, ("grpc.service_config", service_config(contract.methods.values()))]
        self._version = identity.version if identity else 0
        self._next_check = time.monotonic() + RENEWAL_CHECK_SECONDS
        self._channel = self._open()
        self._made: dict[str, Any] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def unary_unary(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        """A callable that makes the call; awaited, it answers the response or raises."""

        async def call(request: Any, *, timeout: float | None = None, metadata: Iterable[tuple[str, str]] = ()) -> Any:
            return await self._call(method, request_serializer, response_deserializer, request, timeout, metadata)

        return call

    def unary_stream(
        self, method: str, request_serializer: Any = None, response_deserializer: Any = None, **_: Any
    ) -> Callable[..., Any]:
        """A callable that answers the stream of responses."""

        def call(request: Any, *, timeout: float | None = None, metadata: Iterable[tuple[str, str]] = ()) -> Any:
            self._breaker.check()
            made = self._channel.unary_stream(method, request_serializer, response_deserializer)
            return made(request, timeout=timeout, metadata=_metadata(metadata))

        return call

    def stream_unary(self, method: str, *serializers: Any, **_: Any) -> Any:
        """As of grpc.aio.Channel."""
        return self._channel.stream_unary(method, *serializers)

    def stream_stream(self, method: str, *serializers: Any, **_: Any) -> Any:
        """As of grpc.aio.Channel."""
        return self._channel.stream_stream(method, *serializers)

    async def close(self) -> None:
        """Closes the connection, and those that are retiring."""
        for task in self._retiring:
            task.cancel()
        await self._channel.close()

    async def _call(
        self, method: str, serialize: Any, parse: Any, request: Any, timeout: float | None, metadata: Any
    ) -> Any:
        self._breaker.check()
        self._renew()
        made = self._made.get(method)
        if made is None:
            made = self._made[method] = self._channel.unary_unary(method, serialize, parse)
        started = time.perf_counter()
        code = "OK"
        with tracer.start_as_current_span(method[1:], kind=SpanKind.CLIENT, attributes={"rpc.system.name": "grpc"}):
            try:
                response = await made(request, timeout=self._timeout(timeout), metadata=_metadata(metadata))
                self._breaker.succeeded()
                return response
            except grpc.aio.AioRpcError as error:
                code = error.code().name
                self._count(error.code())
                raise
            finally:
                CLIENT_SECONDS.labels(method[1:], code).observe(time.perf_counter() - started)

    def _count(self, code: grpc.StatusCode) -> None:
        if code is grpc.StatusCode.UNAVAILABLE:
            self._breaker.failed()
        elif code is not grpc.StatusCode.DEADLINE_EXCEEDED:
            self._breaker.succeeded()

    def _timeout(self, own: float | None) -> float:
        timeout = own or self._default_deadline
        call = current_call()
        if call is None or call.deadline is None:
            return timeout
        remaining = call.deadline - asyncio.get_running_loop().time() - RESERVE_SECONDS
        if remaining <= 0:
            raise ChassisRefusal("DEADLINE_PASSED")
        return min(timeout, remaining)

    def _open(self) -> grpc.aio.Channel:
        if self._identity is None:
            return grpc.aio.insecure_channel(self._target, self._options)
        # Names of certificates are workload identities; the address is only where to find one.
        options = [*self._options, ("grpc.ssl_target_name_override", self._name)]
        return grpc.aio.secure_channel(self._target, self._identity.channel_credentials(), options)

    def _renew(self) -> None:
        now = time.monotonic()
        if self._identity is None or now < self._next_check:
            return
        self._next_check = now + RENEWAL_CHECK_SECONDS
        if self._identity.version == self._version:
            return
        self._version = self._identity.version
        retired, self._channel, self._made = self._channel, self._open(), {}
        task = asyncio.create_task(_retire(retired))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _retire(channel: grpc.aio.Channel) -> None:
    await asyncio.sleep(RETIREMENT_SECONDS)
    await channel.close()


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


def service_config(methods: Iterable[MethodRule]) -> str:
    """The gRPC service config: balanced round robin, and UNAVAILABLE retried for methods that only read."""
    names = [{"service": rule.service, "method": rule.name} for rule in methods if rule.reads]
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [{"name": names, "retryPolicy": policy}] if names else [],
            # A backend that only fails gets at most a tenth more calls than its callers make.
            "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
        }
    )
