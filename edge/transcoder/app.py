"""The ASGI application: routes a request, answers every failure in one shape."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping

import structlog

from edge.transcoder.api_key import ApiKeys, ExchangeFailed
from edge.transcoder.body import ClientGone
from edge.transcoder.cache import CachedReads, ResponseCache
from edge.transcoder.contract import Contract
from edge.transcoder.errors import Errors
from edge.transcoder.faults import Fault
from edge.transcoder.request import Request
from edge.transcoder.response import Receive, Response, Scope, Send
from edge.transcoder.route import Route, build_bidi_routes, build_routes, not_found
from edge.transcoder.streams import StreamBroken, Streams
from edge.transcoder.tracing import Tracing
from edge.transcoder.unary import Caller
from edge.transcoder.upstream import Upstream, service_of
from edge.transcoder.websocket import Sockets, socket_binding

Page = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger("edge.transcoder")


class Transcoder:
    """REST in front of gRPC. `pages` are answered by exact path before any route: health, OpenAPI and the like."""

    def __init__(
        self,
        contract: Contract,
        upstreams: Mapping[str, Upstream],
        *,
        pages: Mapping[str, Page] | None = None,
        cache: ResponseCache | None = None,
        max_body_bytes: int = 1 << 20,
        stream_seconds: float = 3600.0,
        trace_ratio: float = 0.0,
    ) -> None:
        self._errors = Errors(contract)
        self._routes = build_routes(contract, upstreams)
        self._pages = pages or {}
        self._api_keys = _api_keys(contract, upstreams)
        caller = Caller(self._errors, self._api_keys, Tracing(trace_ratio), max_body_bytes)
        self._caller = caller
        self._reads = CachedReads(cache or ResponseCache(0), caller)
        self._streams = Streams(caller, stream_seconds)
        bidi = build_bidi_routes(contract, upstreams, socket_binding)
        self._sockets = Sockets(self._routes, bidi, caller, self._errors, stream_seconds)
        self.under_way = 0

    def forget_tokens(self) -> None:
        """Drops the tokens that API keys were exchanged for."""
        if self._api_keys is not None:
            self._api_keys.forget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one ASGI connection."""
        self.under_way += 1
        try:
            if scope["type"] == "http":
                await self._http(Request(scope, receive), send)
            elif scope["type"] == "websocket":
                await self._sockets.serve(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _http(self, request: Request, send: Send) -> None:
        try:
            response = await self._answer(request, send)
        except (ClientGone, asyncio.CancelledError):
            # The caller went away, and nobody waits for an answer.
            return
        if response is not None:
            await response.send(send, head=request.method == "HEAD")

    async def _answer(self, request: Request, send: Send) -> Response | None:
        try:
            request.check_target()
            return await self._dispatch(request, send)
        except Fault as fault:
            return self._errors.of_fault(fault, request.headers.get(b"accept-language"))

    async def _dispatch(self, request: Request, send: Send) -> Response | None:
        page = self._pages.get(request.path)
        if page is not None:
            return await self._page(page, request)
        method = "GET" if request.method == "HEAD" else request.method
        match = self._routes.find(method, request.path)
        if match is None:
            answer = not_found(self._routes, request.method, request.path)
            if isinstance(answer, Fault):
                raise answer
            return Response(204, [(b"allow", answer.encode())])
        started = time.perf_counter()
        response = await self._routed(match.target, match.segments, request, send)
        match.target.timing.observe(response.status if response else 200, time.perf_counter() - started)
        return response

    async def _routed(self, route: Route, segments: list[str], request: Request, send: Send) -> Response | None:
        try:
            if route.method.server_streaming:
                return await self._streams.serve(route, segments, request, send)
            if route.method.client_streaming:
                return await self._streams.collect(route, request)
            return await self._reads.unary(route, segments, request)
        except Fault as fault:
            return self._errors.of_fault(fault, request.headers.get(b"accept-language"))
        except ExchangeFailed as refused:
            reply = refused.reply
            return self._caller.failed(route.method, request.headers, reply.code, reply.initial, reply.trailing)
        except (ClientGone, StreamBroken):
            raise
        except Exception:
            error_id = uuid.uuid4().hex[:12]
            log.exception("request failed", error_id=error_id, rpc=route.method.path)
            return self._errors.of_fault(
                Fault("INTERNAL_ERROR", error_id=error_id), request.headers.get(b"accept-language")
            )

    @staticmethod
    async def _page(page: Page, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(204, [(b"allow", b"GET, HEAD, OPTIONS")])
        if request.method not in ("GET", "HEAD"):
            raise Fault("METHOD_NOT_ALLOWED", allow="GET, HEAD, OPTIONS", headers=[(b"allow", b"GET, HEAD, OPTIONS")])
        return await page(request)


def _api_keys(contract: Contract, upstreams: Mapping[str, Upstream]) -> ApiKeys | None:
    for method in contract.methods:
        upstream = upstreams.get(service_of(method)) if method.exchanges_api_key else None
        if upstream is not None:
            return ApiKeys(method, upstream)
    return None
