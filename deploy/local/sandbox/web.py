"""A small ASGI kernel: routes, requests, responses. Enough for development tools, with nothing to install."""

from __future__ import annotations

import logging
import re
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import orjson

log = logging.getLogger(__name__)

MAX_BODY = 32 * 1024 * 1024

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body read. Header names are lower case; `params` are the path's variables."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    params: Mapping[str, str] = field(default_factory=dict)

    def first(self, name: str, default: str = "") -> str:
        """The first query parameter of that name."""
        return next((value for key, value in self.query if key == name), default)


@dataclass(frozen=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """A method and a path with variables in braces ("/v1/refunds/{id}"), and what answers it."""

    method: str
    path: str
    handler: Handler
    operation: str = ""

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(self.path)) + "$")


def json(
    document: object,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON response."""
    return Response(
        status,
        orjson.dumps(document),
        {"content-type": "application/json", **(headers or {})},
    )


class App:
    """An ASGI application over routes; `life` runs from start-up to shutdown."""

    def __init__(self, routes: Iterable[Route], life: AbstractAsyncContextManager[None]) -> None:
        self._routes = [(route.method, route.pattern(), route.handler) for route in routes]
        self._life = life

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self._life:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            response = json({"error": "the body is too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            response = await self._answer(_request(scope, body))
        headers = {"content-length": str(len(response.body)), **response.headers}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, request: Request) -> Response:
        allowed = []
        for method, pattern, handler in self._routes:
            if match := pattern.match(request.path):
                if method == request.method:
                    return await _guarded(handler, request, match.groupdict())
                allowed.append(method)
        if allowed:
            return json(
                {"error": "method not allowed"},
                HTTPStatus.METHOD_NOT_ALLOWED,
                {"allow": ", ".join(allowed)},
            )
        return json({"error": f"no such path: {request.path}"}, HTTPStatus.NOT_FOUND)


async def _guarded(handler: Handler, request: Request, params: Mapping[str, str]) -> Response:
    bound = Request(
        request.method,
        request.path,
        request.query,
        request.headers,
        request.body,
        params,
    )
    try:
        return await handler(bound)
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return json({"error": "internal error"}, HTTPStatus.INTERNAL_SERVER_ERROR)


def _request(scope: Mapping[str, Any], body: bytes) -> Request:
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )


async def _read(receive: Receive) -> bytes | None:
    chunks, size = [], 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)
