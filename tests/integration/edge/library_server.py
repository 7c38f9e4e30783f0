"""`kerya.library.v1.LibraryService` on grpc.aio: answers what it was sent, and fails as told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from protobuf import Message

from tests.unit.edge.library import contract

SERVICE = "kerya.library.v1.LibraryService"
PACKAGE = "kerya.library.v1."


def make(name: str, /, **fields: Any) -> Any:
    """A message by full name, or by its name in the library."""
    return contract().message(name if "." in name else PACKAGE + name)(**fields)


class Library:
    """Keeps what it was called with in `calls`: (method, request, metadata)."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []
        self.token_seconds = 600.0
        self.cancelled = 0
        self._server = grpc.aio.server()
        self.health = HealthServicer()
        add_HealthServicer_to_server(self.health, self._server)
        self._server.add_generic_rpc_handlers((self._handlers(),))
        where = "127.0.0.1:0"
        secure, plain = self._server.add_secure_port, self._server.add_insecure_port
        self.port = secure(where, credentials) if credentials else plain(where)

    @classmethod
    async def start(cls, credentials: grpc.ServerCredentials | None = None) -> Library:
        made = cls(credentials)
        await made._server.start()
        return made

    async def stop(self) -> None:
        await self._server.stop(None)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def last(self) -> Any:
        """The latest request."""
        return self.calls[-1][1]

    @property
    def metadata(self) -> dict[str, Any]:
        """The latest call's metadata."""
        return self.calls[-1][2]

    def _handlers(self) -> grpc.GenericRpcHandler:
        handlers = {}
        for method in contract().methods:
            if method.service != SERVICE:
                continue
            behaviour = getattr(self, method.name)
            kind = {
                (False, False): grpc.unary_unary_rpc_method_handler,
                (False, True): grpc.unary_stream_rpc_method_handler,
                (True, False): grpc.stream_unary_rpc_method_handler,
                (True, True): grpc.stream_stream_rpc_method_handler,
            }[method.client_streaming, method.server_streaming]
            parse = method.input.type.from_binary
            wrapped = (
                behaviour if method.client_streaming else self._noting(method.name, behaviour, method.server_streaming)
            )
            handlers[method.name] = kind(
                wrapped, request_deserializer=parse, response_serializer=lambda m: m.to_binary()
            )
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _noting(self, name: str, behaviour: Callable[..., Any], streaming: bool) -> Callable[..., Any]:
        def note(request: Message, context: Any) -> Any:
            self.calls.append((name, request, dict(context.invocation_metadata() or ())))
            return behaviour(request, context)

        async def unary(request: Message, context: Any) -> Any:
            return await note(request, context)

        async def stream(request: Message, context: Any) -> AsyncIterator[Any]:
            async for message in note(request, context):
                yield message

        return stream if streaming else unary

    async def GetBook(self, request: Any, context: Any) -> Any:
        if request.book_id == "slow":
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        context.set_trailing_metadata((("ratelimit", '"default";r=9;t=60'), ("x-internal", "no")))
        return make("Book", book_id=request.book_id, title="Nedjma", pages=2**53 + 1, etag="v1")

    async def ListBooks(self, request: Any, context: Any) -> Any:
        books = [make("Book", book_id=str(number)) for number in range(request.page_size or 2)]
        return make("ListBooksResponse", books=books, calls=len(self.calls))

    async def ListLoans(self, request: Any, context: Any) -> Any:
        borrower = dict(context.invocation_metadata()).get("authorization", "")
        books = [make("Book", book_id="7", title=borrower)] if borrower else []
        return make("ListBooksResponse", books=books)

    async def CreateBook(self, request: Any, context: Any) -> Any:
        return request.book

    async def UpdateBook(self, request: Any, context: Any) -> Any:
        if dict(context.invocation_metadata()).get("if-match") == '"old"':
            await self.abort(context, 10, "ETAG_MISMATCH", "The book was changed.")
        return request.book

    async def UpdateCard(self, request: Any, context: Any) -> Any:
        return make("Card", card_id=request.card_id, display_name=request.display_name, changed=request.update_mask)

    async def DeleteBook(self, request: Any, context: Any) -> Any:
        return make("google.protobuf.Empty")

    LendBook = GetBook
    Audit = GetBook

    async def Echo(self, request: Any, context: Any) -> Any:
        return request

    async def Download(self, request: Any, context: Any) -> Any:
        return make("google.api.HttpBody", content_type="text/calendar; charset=utf-8", data=b"\x00BEGIN")

    async def Receive(self, request: Any, context: Any) -> Any:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        return make("Seen", content_type=request.content_type, data=request.data, metadata=metadata)

    async def Fail(self, request: Any, context: Any) -> Any:
        if request.bare:
            await context.abort(grpc_code(request.code), "connect to 10.0.0.7:5432 failed")
        await self.abort(context, request.code, request.reason or "BOOK_BURNT", "The book is burnt: %/é.")

    async def WatchBooks(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(request.count):
            if request.fail_after and number == request.fail_after:
                await self.abort(context, 14, "DEPENDENCY_UNAVAILABLE", "The press is down.")
            yield make("Book", book_id=str(number), title="a\nb", resume_token=f"t{number}")
            try:
                await asyncio.sleep(request.pause / 1000)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if request.fail_after < 0:
            await self.abort(context, 5, "BOOK_NOT_FOUND", "No such book.")

    async def DownloadAll(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(request.count):
            if request.fail_after and number == request.fail_after:
                await context.abort(grpc.StatusCode.INTERNAL, "torn")
            yield make("google.api.HttpBody", content_type="application/zip", data=b"%d;" % number)

    async def ImportBooks(self, requests: AsyncIterator[Any], context: Any) -> Any:
        books = [book async for book in requests]
        self.calls.append(("ImportBooks", books, dict(context.invocation_metadata())))
        return make("Seen", count=len(books))

    async def Chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for book in requests:
            if book.title == "burn":
                await self.abort(context, 9, "BOOK_BURNT", "The book is burnt.")
            yield make("Book", book_id=book.book_id, title=book.title.upper())

    async def Exchange(self, request: Any, context: Any) -> Any:
        if request.api_key != "kerya_good":
            await self.abort(context, 16, "API_KEY_INVALID", "The API key is not valid.")
        ends = make("google.protobuf.Timestamp", seconds=int(time.time() + self.token_seconds))
        return make("Token", access_token=f"token-{len(self.calls)}", expire_time=ends)

    @staticmethod
    async def abort(context: Any, code: int, reason: str, text: str) -> None:
        """Fails with a full google.rpc.Status."""
        info = make("google.rpc.ErrorInfo", reason=reason, domain="library.kerya", metadata={"book_id": "7"})
        retry = make("google.rpc.RetryInfo", retry_delay=make("google.protobuf.Duration", seconds=2, nanos=500_000_000))
        hidden = make("google.rpc.DebugInfo", detail="select * from book")
        details = [_pack(info), _pack(hidden), *([_pack(retry)] if code in (8, 14) else [])]
        status = make("google.rpc.Status", code=code, message=text, details=details)
        context.set_trailing_metadata((("grpc-status-details-bin", status.to_binary()),))
        await context.abort(grpc_code(code), text)


def grpc_code(number: int) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == number)


def _pack(message: Message) -> Any:
    return make(
        "google.protobuf.Any", type_url=f"type.googleapis.com/{message.desc().type_name}", value=message.to_binary()
    )
