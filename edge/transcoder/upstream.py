"""The services behind the edge: one mTLS channel each, raw bytes in and out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import grpc

from edge.transcoder.breaker import Breaker
from edge.transcoder.contract import Method
from services.chassis.tls import Identity

Metadata = tuple[tuple[str, str | bytes], ...]

# Closing at once would cut the calls that an old channel still carries.
RETIREMENT_SECONDS = 30.0
RENEWAL_CHECK_SECONDS = 5.0
MAX_MESSAGE_BYTES = 8 << 20

_OPTIONS: list[tuple[str, Any]] = [
    # Never below what the servers allow, or they answer ENHANCE_YOUR_CALM.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without it a frozen peer is noticed after 70 s, not 12 s.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The default waits up to 120 s before it tries a server again that was down.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]


class Reply(NamedTuple):
    """How a unary call ended: `code` 0 with `wire`, or another code with what the trailing metadata tells."""

    code: int
    wire: bytes
    initial: Metadata
    trailing: Metadata


_REFUSED = Reply(14, b"", (), ())


class Upstream:
    """One service. A renewed certificate makes a new connection underneath."""

    def __init__(self, name: str, target: str, methods: Iterable[Method], identity: Identity | None = None) -> None:
        """`target` as host:port or dns:///…; `methods` are the ones this service serves."""
        self.name = name
        self.breaker = Breaker()
        self._target = target
        self._identity = identity
        self._options = [*_OPTIONS, ("grpc.service_config", _service_config(methods))]
        self._version = identity.version if identity else 0
        self._next_check = time.monotonic() + RENEWAL_CHECK_SECONDS
        self._channel = self._open()
        self._raw: Any = self._channel._channel  # type: ignore[attr-defined]
        self._retiring: set[asyncio.Task[None]] = set()

    async def unary(self, path: bytes, wire: bytes, metadata: Metadata, timeout: float) -> Reply:
        """Calls and answers how it ended; only cancellation raises. `timeout` in seconds.

        Goes to the channel's core by itself: the public call object costs a task and four more futures, a seventh of
        the whole call's CPU, to offer what is not needed here.
        """
        if self.breaker.refuses():
            return _REFUSED
        reply = await self._call(path, wire, metadata, timeout)
        self.breaker.record(reply.code)
        return reply

    async def probe(self, path: bytes, wire: bytes, timeout: float) -> Reply:
        """The same, past the breaker."""
        return await self._call(path, wire, (), timeout)

    async def _call(self, path: bytes, wire: bytes, metadata: Metadata, timeout: float) -> Reply:
        self._renew()
        call = self._raw.call(path, time.time() + timeout, None, None)
        try:
            answer = await call.unary_unary(wire, metadata, None)
        except asyncio.CancelledError:
            call.cancel("the caller went away")
            raise
        status = await call.status()
        return Reply(
            int(status.code()), answer or b"", await call.initial_metadata() or (), status.trailing_metadata() or ()
        )

    def server_stream(self, path: str, wire: bytes, metadata: Metadata, timeout: float) -> Any:
        """The grpc.aio call of a server stream, over raw bytes."""
        self._renew()
        stream: Any = self._channel.unary_stream(path)
        return stream(wire, metadata=metadata, timeout=timeout)

    def client_stream(self, path: str, wires: Any, metadata: Metadata, timeout: float) -> Any:
        """The grpc.aio call of a client stream, over raw bytes."""
        self._renew()
        return self._channel.stream_unary(path)(wires, metadata=metadata, timeout=timeout)

    def bidi_stream(self, path: str, metadata: Metadata, timeout: float) -> Any:
        """The grpc.aio call of a stream in both directions, over raw bytes."""
        self._renew()
        return self._channel.stream_stream(path)(metadata=metadata, timeout=timeout)

    async def close(self) -> None:
        """Closes the connection, and those that are retiring."""
        for task in self._retiring:
            task.cancel()
        await self._channel.close()

    def _open(self) -> grpc.aio.Channel:
        if self._identity is None:
            return grpc.aio.insecure_channel(self._target, self._options)
        # Names of certificates are workload identities; the address is only where to find one.
        options = [*self._options, ("grpc.ssl_target_name_override", self.name)]
        return grpc.aio.secure_channel(self._target, self._identity.channel_credentials(), options)

    def _renew(self) -> None:
        now = time.monotonic()
        if self._identity is None or now < self._next_check:
            return
        self._next_check = now + RENEWAL_CHECK_SECONDS
        try:
            version = self._identity.version
            if version == self._version:
                return
            fresh = self._open()
        except OSError:
            # While a file is being replaced, the one in use is still good.
            return
        self._version = version
        retired, self._channel = self._channel, fresh
        self._raw = self._channel._channel  # type: ignore[attr-defined]
        task = asyncio.create_task(_retire(retired))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _retire(channel: grpc.aio.Channel) -> None:
    await asyncio.sleep(RETIREMENT_SECONDS)
    await channel.close()


def service_of(method: Method) -> str:
    """The service that serves an RPC, from its package: "user" for kerya.user.v1.UserService."""
    return method.service.split(".")[-3]


def _service_config(methods: Iterable[Method]) -> str:
    """Balanced round robin, and UNAVAILABLE retried for what is bound to GET."""
    names = [
        {"service": method.service, "method": method.name}
        for method in methods
        if any(binding.verb == "GET" for binding in method.bindings)
    ]
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
