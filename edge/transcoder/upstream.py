"""The services behind the edge: one mTLS channel each, raw bytes in and out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from edge.transcoder.contract import Method
from services.chassis.breaker import Breaker
from services.chassis.channels import RenewingChannel
from services.chassis.tls import Identity

Metadata = tuple[tuple[str, str | bytes], ...]


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
        self.breaker = Breaker(name)
        self._channel = RenewingChannel(name, target, methods, identity)

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
        channel: Any = self._channel.current()
        call = channel._channel.call(path, time.time() + timeout, None, None)
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
        stream: Any = self._channel.current().unary_stream(path)
        return stream(wire, metadata=metadata, timeout=timeout)

    def client_stream(self, path: str, wires: Any, metadata: Metadata, timeout: float) -> Any:
        """The grpc.aio call of a client stream, over raw bytes."""
        return self._channel.current().stream_unary(path)(wires, metadata=metadata, timeout=timeout)

    def bidi_stream(self, path: str, metadata: Metadata, timeout: float) -> Any:
        """The grpc.aio call of a stream in both directions, over raw bytes."""
        return self._channel.current().stream_stream(path)(metadata=metadata, timeout=timeout)

    async def close(self) -> None:
        """Closes the connection, and those that are retiring."""
        await self._channel.close()


def service_of(method: Method) -> str:
    """The service that serves an RPC, from its package: "user" for kerya.user.v1.UserService."""
    return method.service.split(".")[-3]
