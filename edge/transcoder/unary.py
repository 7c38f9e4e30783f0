"""A request, one call, one answer."""

from __future__ import annotations

import asyncio

from protobuf import Message

from edge.transcoder.api_key import PREFIX, ApiKeys
from edge.transcoder.body import check_encoding, check_json, read_body
from edge.transcoder.contract import Method
from edge.transcoder.errors import Call, Errors
from edge.transcoder.faults import Fault
from edge.transcoder.headers import Headers, Pairs, response_headers
from edge.transcoder.request import Request
from edge.transcoder.response import Receive, Response
from edge.transcoder.route import Route
from edge.transcoder.tracing import Tracing
from edge.transcoder.validation import validate
from services.chassis.rules import Idempotency

# A caller that left is only looked for once a call takes longer than most do.
PATIENCE_SECONDS = 0.25


class Caller:
    """What every kind of call goes through first: credentials, metadata, body, bounds."""

    def __init__(self, errors: Errors, api_keys: ApiKeys | None, tracing: Tracing, max_body_bytes: int) -> None:
        self.errors = errors
        self.tracing = tracing
        self._api_keys = api_keys
        self._max_body_bytes = max_body_bytes

    async def unary(self, route: Route, segments: list[str], request: Request) -> Response:
        """Transcodes one request. Raises Fault, ExchangeFailed, ClientGone."""
        return await self.answer(route, await self.message(route, segments, request), request)

    async def answer(self, route: Route, message: Message, request: Request) -> Response:
        """Calls with the request message. Raises Fault, ExchangeFailed."""
        headers = request.headers
        timeout = request.timeout()
        metadata = await self.metadata(route.method, headers)
        with self.tracing.span(metadata, route.timing.label), _Watch(request.receive):
            reply = await route.upstream.unary(route.wire_path, message.to_binary(), tuple(metadata), timeout)
        if reply.code:
            return self.failed(route.method, headers, reply.code, reply.initial, reply.trailing)
        asked = response_headers(reply.initial, reply.trailing)
        return route.encoder.response(reply.wire, headers.get(b"if-none-match") if route.safe else "", asked)

    def failed(self, method: Method, headers: Headers, code: int, initial: Pairs, trailing: Pairs) -> Response:
        """The answer to a call that ended with `code`."""
        response = self.errors.of_status(code, trailing or (), self.call_of(method, headers))
        response.headers += response_headers(initial, trailing)
        return response

    @staticmethod
    def call_of(method: Method, headers: Headers) -> Call:
        """What the rendering of an error needs to know."""
        return Call(method.path, headers.get(b"accept-language"), bool(headers.get(b"if-match")))

    async def metadata(self, method: Method, headers: Headers) -> list[tuple[str, str]]:
        """What travels on, an API key exchanged for a token. Raises Fault, ExchangeFailed."""
        check_idempotency_key(method, headers)
        handed_on = headers.metadata(method.headers)
        key = headers.get(b"x-api-key")
        bearer = headers.get(b"authorization")
        if not key and bearer[:7].lower() == "bearer " and bearer[7:].startswith(PREFIX):
            key = bearer[7:]
        if key and self._api_keys is not None:
            handed_on = [pair for pair in handed_on if pair[0] != "authorization"]
            token = await self._api_keys.authorization(key.strip(), tuple(handed_on))
            handed_on.append(("authorization", token))
        return handed_on

    async def message(self, route: Route, segments: list[str], request: Request) -> Message:
        """The request message, within its bounds. Raises Fault, ClientGone."""
        headers = request.headers
        check_credentials(route.method, headers)
        body, content_type = b"", ""
        if route.binding.takes_body or request.method == "POST":
            body = await self.body(request)
            content_type = headers.get(b"content-type")
            if body and not route.binding.raw_body:
                check_json(content_type)
        resume = headers.get(b"last-event-id") if route.binding.resumes else ""
        message = route.binding.message(segments, request.query, body, content_type, resume)
        validate(message)
        return message

    async def body(self, request: Request) -> bytes:
        """The request's body. Raises Fault, ClientGone."""
        check_encoding(request.headers)
        return await read_body(request.receive, request.headers, self._max_body_bytes)


def check_credentials(method: Method, headers: Headers) -> None:
    """Who shows nothing is told so before anything else. Raises Fault(TOKEN_MISSING)."""
    if not method.public and not headers.get(b"authorization") and not headers.get(b"x-api-key"):
        raise Fault("TOKEN_MISSING")


def check_idempotency_key(method: Method, headers: Headers) -> None:
    """A key that cannot travel on is refused: dropped, the write would run as if none had been sent. Raises Fault."""
    key = "" if method.idempotency is Idempotency.IGNORED else headers.get(b"idempotency-key")
    if key and not (key.isascii() and key.isprintable()):
        raise Fault("IDEMPOTENCY_KEY_INVALID")


class _Watch:
    """Cancels the work when the caller leaves; costs a timer, and a task only where the call is slow."""

    __slots__ = ("_receive", "_timer", "_watcher", "_worker")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._worker = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._start)

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _start(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        message = await self._receive()
        while message["type"] == "http.request":
            message = await self._receive()
        if self._worker is not None:
            self._worker.cancel("the caller went away")
