"""Server streams over HTTP, and client streams in one body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from edge.transcoder.binding import HTTP_BODY
from edge.transcoder.body import is_ndjson
from edge.transcoder.faults import Fault
from edge.transcoder.formats import choose
from edge.transcoder.headers import response_headers
from edge.transcoder.json_body import read_json
from edge.transcoder.metrics import OPEN_STREAMS
from edge.transcoder.request import Request
from edge.transcoder.response import Receive, Response, Send
from edge.transcoder.route import Route
from edge.transcoder.unary import Caller, check_credentials
from edge.transcoder.validation import validate

KEEP_ALIVE_SECONDS = 15.0


class StreamBroken(Exception):
    """A stream failed after its headers: all that is left is to break the connection off."""


class Streams:
    """Answers streaming methods. `seconds` is how long one stream may live before it must be resumed."""

    def __init__(self, caller: Caller, seconds: float) -> None:
        self._caller = caller
        self._seconds = seconds

    async def serve(self, route: Route, segments: list[str], request: Request, send: Send) -> Response | None:
        """Sends the stream; answers instead where it fails before its first message, so that the status is right."""
        wire = (await self._caller.message(route, segments, request)).to_binary()
        metadata = await self._caller.metadata(route.method, request.headers)
        if route.upstream.breaker.refuses():
            return self._caller.failed(route.method, request.headers, 14, (), ())
        call = route.upstream.server_stream(route.method.path, wire, tuple(metadata), self._seconds)
        reader = Reader(call, request.receive)
        try:
            first = await reader.next()
            if reader.failure is not None:
                return self._failed(route, request, reader.failure)
            route.upstream.breaker.record(0)
            await self._send(route, request, send, reader, first)
            return None
        finally:
            reader.close()

    def _failed(self, route: Route, request: Request, failure: grpc.aio.AioRpcError) -> Response:
        code = int(failure.code().value[0])
        route.upstream.breaker.record(code)
        return self._caller.failed(
            route.method, request.headers, code, failure.initial_metadata(), failure.trailing_metadata()
        )

    async def _send(self, route: Route, request: Request, send: Send, reader: Reader, first: bytes | None) -> None:
        asked = response_headers(await reader.initial_metadata())
        raw = route.method.output.type_name == HTTP_BODY
        with OPEN_STREAMS.track_inprogress():
            try:
                if raw:
                    await self._send_raw(route, send, reader, first, asked)
                else:
                    await self._send_items(route, request, send, reader, first, asked)
            except Exception as error:
                raise StreamBroken from error

    async def _send_items(
        self,
        route: Route,
        request: Request,
        send: Send,
        reader: Reader,
        first: bytes | None,
        asked: list[tuple[bytes, bytes]],
    ) -> None:
        form = choose(request.headers.get(b"accept"))
        await send({"type": "http.response.start", "status": 200, "headers": [*form.headers, *asked]})
        chunk = form.opening
        async for wire in _from(first, reader, lambda: _chunk(send, form.keep_alive)):
            await _chunk(send, chunk + form.item(*route.encoder.item(wire)))
            chunk = b""
        if reader.failure is not None:
            chunk += form.error(self._failed(route, request, reader.failure).body)
        await send({"type": "http.response.body", "body": chunk + form.closing})

    async def _send_raw(
        self, route: Route, send: Send, reader: Reader, first: bytes | None, asked: list[tuple[bytes, bytes]]
    ) -> None:
        kind: Any = route.method.output.type
        media = (kind.from_binary(first or b"").content_type or "application/octet-stream").encode("latin-1", "replace")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media), *asked]})
        async for wire in _from(first, reader, None):
            await _chunk(send, bytes(kind.from_binary(wire).data))
        if reader.failure is not None:
            # Bytes have no place for an error: the connection breaks off, so that nobody takes half for the whole.
            raise reader.failure
        await send({"type": "http.response.body", "body": b""})

    async def collect(self, route: Route, request: Request) -> Response:
        """A client stream: the body is a JSON array of messages or NDJSON, the answer one message."""
        check_credentials(route.method, request.headers)
        metadata = await self._caller.metadata(route.method, request.headers)
        body = await self._caller.body(request)
        wires = []
        for message in route.binding.items(_values(body, request.headers.get(b"content-type"))):
            validate(message)
            wires.append(message.to_binary())
        call = route.upstream.client_stream(route.method.path, iter(wires), tuple(metadata), request.timeout())
        try:
            wire = await call
        except grpc.aio.AioRpcError as failure:
            return self._failed(route, request, failure)
        return route.encoder.response(wire, "", response_headers(await call.initial_metadata()))


class Reader:
    """Reads a call's messages and notices when the caller leaves. `failure` tells how a stream that broke ended."""

    def __init__(self, call: Any, receive: Receive) -> None:
        self._call = call
        self._gone = asyncio.ensure_future(_disconnected(receive))
        self._reading: asyncio.Task[Any] | None = None
        self.failure: grpc.aio.AioRpcError | None = None

    async def next(self, timeout: float | None = None) -> bytes | None:
        """The next message; None at the end, after a failure, or when the caller left. Raises TimeoutError."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._call.read())
        await asyncio.wait({self._reading, self._gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._gone.done():
            return None
        if not self._reading.done():
            raise TimeoutError
        reading, self._reading = self._reading, None
        try:
            wire = reading.result()
        except grpc.aio.AioRpcError as failure:
            self.failure = failure
            return None
        return None if wire is grpc.aio.EOF else wire

    async def initial_metadata(self) -> Any:
        """What the service sent before its first message."""
        return await self._call.initial_metadata() if not self._gone.done() else ()

    def close(self) -> None:
        """Ends the call and the watch."""
        self._gone.cancel()
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()


async def _disconnected(receive: Receive) -> None:
    while not (await receive())["type"].endswith(".disconnect"):
        pass


async def _from(
    first: bytes | None, reader: Reader, idle: Callable[[], Awaitable[None]] | None
) -> AsyncIterator[bytes]:
    wire = first
    while wire is not None:
        yield wire
        while True:
            try:
                wire = await reader.next(KEEP_ALIVE_SECONDS if idle else None)
                break
            except TimeoutError:
                if idle:
                    await idle()


async def _chunk(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _values(body: bytes, content_type: str) -> list[Any]:
    if is_ndjson(content_type):
        return [read_json(line) for line in body.splitlines() if line.strip()]
    value = read_json(body) if body else []
    if not isinstance(value, list):
        raise Fault("BODY_MALFORMED", problem="an array of messages is expected")
    return value
