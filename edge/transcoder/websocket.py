"""Live streams over WebSocket: server streams at their GET path, streams in both directions at /ws/{service}/{method}.

Each text frame is one message as JSON. A client that has said all it wants sends `null` and goes on listening. The close
code is 1000 for a clean end, or 4000 + the HTTP status after a last frame with the error body. A browser cannot set
headers here: it offers the subprotocols "kerya.v1" and "bearer.<token>".
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from edge.transcoder.api_key import ExchangeFailed
from edge.transcoder.contract import HttpBinding
from edge.transcoder.errors import Errors
from edge.transcoder.faults import Fault, body_malformed
from edge.transcoder.headers import Headers
from edge.transcoder.json_body import read_json
from edge.transcoder.metrics import OPEN_STREAMS
from edge.transcoder.request import Request
from edge.transcoder.response import Receive, Response, Scope, Send
from edge.transcoder.route import Route
from edge.transcoder.routes import Match, RouteTable
from edge.transcoder.streams import Reader
from edge.transcoder.unary import Caller, check_credentials
from edge.transcoder.validation import validate

PROTOCOL = "kerya.v1"
_BEARER = "bearer."
CLEAN = 1000


def socket_binding(service: str, name: str) -> HttpBinding:
    """Where a stream in both directions is found."""
    return HttpBinding("GET", f"/ws/{service}/{name}", "*", "")


class Sockets:
    """Serves WebSocket connections. `seconds` is how long one may live before it must be resumed."""

    def __init__(
        self, routes: RouteTable[Route], bidi: RouteTable[Route], caller: Caller, errors: Errors, seconds: float
    ) -> None:
        self._routes = routes
        self._bidi = bidi
        self._caller = caller
        self._errors = errors
        self._seconds = seconds

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection to its end."""
        await receive()
        offered = list(scope.get("subprotocols") or ())
        accepted = PROTOCOL if PROTOCOL in offered else None
        await send({"type": "websocket.accept", "subprotocol": accepted, "headers": []})
        request = Request(scope, receive)
        _borrow_token(request.headers, offered)
        with OPEN_STREAMS.track_inprogress():
            failed = await self._stream(request, send)
        if failed is not None:
            await send({"type": "websocket.send", "text": failed.body.decode()})
        await send({"type": "websocket.close", "code": CLEAN if failed is None else 4000 + failed.status})

    async def _stream(self, request: Request, send: Send) -> Response | None:
        try:
            request.check_target()
            match = self._match(request)
            route = match.target
            check_credentials(route.method, request.headers)
            metadata = tuple(await self._caller.metadata(route.method, request.headers))
            if route.method.client_streaming:
                call = route.upstream.bidi_stream(route.method.path, metadata, self._seconds)
                return await self._both_ways(route, request, send, call)
            wire = (await self._caller.message(route, match.segments, request)).to_binary()
            call = route.upstream.server_stream(route.method.path, wire, metadata, self._seconds)
            return await self._one_way(route, request, send, call)
        except Fault as fault:
            return self._errors.of_fault(fault, request.headers.get(b"accept-language"))
        except ExchangeFailed as refused:
            reply = refused.reply
            return self._errors.of_status(
                reply.code, reply.trailing, self._caller.call_of(route.method, request.headers)
            )

    def _match(self, request: Request) -> Match[Route]:
        match = self._bidi.find("GET", request.path) or self._routes.find("GET", request.path)
        if match is None or not match.target.method.server_streaming:
            raise Fault("ROUTE_NOT_FOUND", path=request.path[:200])
        return match

    async def _one_way(self, route: Route, request: Request, send: Send, call: Any) -> Response | None:
        reader = Reader(call, request.receive)
        try:
            while (wire := await reader.next()) is not None:
                await _frame(send, route.encoder.item(wire)[0])
            return self._end(route, request, reader.failure)
        finally:
            reader.close()

    async def _both_ways(self, route: Route, request: Request, send: Send, call: Any) -> Response | None:
        sending = asyncio.create_task(self._forward(route, request.receive, call))
        receiving = asyncio.create_task(self._deliver(route, send, call))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            # The client has left or sent what cannot be taken; or it only waits for the rest.
            if sending.done() and not sending.result():
                return None
            await receiving
            return None
        except grpc.aio.AioRpcError as failure:
            return self._end(route, request, failure)
        finally:
            call.cancel()
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _forward(self, route: Route, receive: Receive, call: Any) -> bool:
        """Hands the client's frames on; answers whether it is still listening at the end."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return False
            text = event.get("text")
            if text is None:
                raise body_malformed("frames are text")
            value = read_json(text.encode(errors="surrogatepass"))
            if value is None:
                await call.done_writing()
                return True
            for message in route.binding.items([value]):
                validate(message)
                await call.write(message.to_binary())

    @staticmethod
    async def _deliver(route: Route, send: Send, call: Any) -> None:
        while (wire := await call.read()) is not grpc.aio.EOF:
            await _frame(send, route.encoder.item(wire)[0])

    def _end(self, route: Route, request: Request, failure: grpc.aio.AioRpcError | None) -> Response | None:
        if failure is None:
            return None
        code = int(failure.code().value[0])
        call = self._caller.call_of(route.method, request.headers)
        return self._errors.of_status(code, failure.trailing_metadata(), call)


def _borrow_token(headers: Headers, offered: list[str]) -> None:
    token = next((each.removeprefix(_BEARER) for each in offered if each.startswith(_BEARER)), "")
    if token and not headers.get(b"authorization"):
        headers.set(b"authorization", f"Bearer {token}")


async def _frame(send: Send, json: bytes) -> None:
    await send({"type": "websocket.send", "text": json.decode()})
