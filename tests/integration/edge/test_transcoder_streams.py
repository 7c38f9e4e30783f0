"""Streams over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from edge.transcoder import streams
from edge.transcoder.app import Transcoder
from edge.transcoder.streams import StreamBroken
from tests.integration.edge.library_server import Library

EVENTS = {"accept": "text/event-stream"}


async def test_an_array_by_default(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/books:watch?count=3")
    assert response.headers["content-type"] == "application/json"
    assert [book["bookId"] for book in response.json()] == ["0", "1", "2"]
    assert (await client.get("/v1/books:watch?count=0")).json() == []


async def test_one_message_a_line(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/books:watch?count=2", headers={"accept": "application/x-ndjson"})
    assert response.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["title"] for line in response.text.splitlines()] == ["a\nb", "a\nb"]


async def test_server_sent_events_have_ids_and_an_end(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/books:watch?count=2", headers=EVENTS)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["x-accel-buffering"] == "no"
    retry, first, second, end = response.text.strip().split("\n\n")
    assert retry == "retry: 2000"
    assert first.splitlines()[0] == "id: t0"
    assert json.loads(second.splitlines()[1].removeprefix("data: "))["bookId"] == "1"
    assert end == "event: end\ndata: {}"


async def test_a_stream_is_resumed_by_last_event_id(client: httpx.AsyncClient, library: Library) -> None:
    await client.get("/v1/books:watch?count=1", headers=EVENTS | {"last-event-id": "t41"})
    assert library.last.resume_token == "t41"
    await client.get("/v1/books:watch?count=1&resumeToken=t7", headers=EVENTS | {"last-event-id": "t41"})
    assert library.last.resume_token == "t7"


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/event-stream"])
async def test_a_failure_before_the_first_message_has_its_own_status(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("/v1/books:watch?count=0&failAfter=-1", headers={"accept": accept})
    assert response.status_code == 404
    assert response.json()["error"]["details"][0]["reason"] == "BOOK_NOT_FOUND"


async def test_a_failure_in_the_middle_is_the_last_thing_said(client: httpx.AsyncClient) -> None:
    path = "/v1/books:watch?count=3&failAfter=2"
    array = (await client.get(path)).json()
    assert [element.get("bookId") for element in array] == ["0", "1", None]
    lines = (await client.get(path, headers={"accept": "application/x-ndjson"})).text.splitlines()
    events = (await client.get(path, headers=EVENTS)).text.strip().split("\n\n")
    assert events[-1].startswith("event: error\ndata: ")
    assert "event: end" not in events[-1]
    for last in (array[-1], json.loads(lines[-1]), json.loads(events[-1].partition("data: ")[2])):
        assert last["error"]["code"] == 503


async def test_messages_are_sent_as_they_come(transcoder: Transcoder) -> None:
    sent, ended = await connect(transcoder, "/v1/books:watch", b"count=3&pause=80", EVENTS)
    moments = []
    for _ in range(4):
        await sent.get()
        moments.append(asyncio.get_running_loop().time())
    await ended
    assert moments[3] - moments[1] > 0.1


async def test_a_quiet_stream_is_kept_alive(transcoder: Transcoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.05)
    sent, ended = await connect(transcoder, "/v1/books:watch", b"count=2&pause=180", EVENTS)
    await ended
    chunks = [sent.get_nowait().get("body", b"") for _ in range(sent.qsize())]
    assert chunks.count(b": keep-alive\n\n") >= 2


async def test_a_caller_that_leaves_ends_the_call(transcoder: Transcoder, library: Library) -> None:
    leave = asyncio.Event()
    sent, ended = await connect(transcoder, "/v1/books:watch", b"count=1000&pause=20", EVENTS, leave)
    for _ in range(3):
        await sent.get()
    leave.set()
    await asyncio.wait_for(ended, 1)
    await asyncio.sleep(0.1)
    assert library.cancelled == 1


async def test_streamed_bytes(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/books:downloadAll?count=3")
    assert (response.headers["content-type"], response.content) == ("application/zip", b"0;1;2;")
    with pytest.raises(StreamBroken):
        await client.get("/v1/books:downloadAll?count=3&failAfter=2")


async def test_a_server_stream_over_a_socket(transcoder: Transcoder) -> None:
    socket = await Socket.open(transcoder, "/v1/books:watch", b"count=2")
    assert [frame["bookId"] for frame in await socket.frames()] == ["0", "1"]
    assert socket.code == 1000


async def test_a_conversation_over_a_socket(transcoder: Transcoder) -> None:
    socket = await Socket.open(transcoder, "/ws/kerya.library.v1.LibraryService/Chat")
    for title in ("a", "b"):
        socket.say({"title": title})
        assert (await socket.hear())["title"] == title.upper()
    socket.say(None)
    assert await socket.frames() == []
    assert socket.code == 1000


@pytest.mark.parametrize(
    ("frame", "code", "reason"),
    [
        ({"nope": 1}, 4400, "BODY_MALFORMED"),
        ({"title": "x" * 61}, 4400, "INVALID_REQUEST"),
        ({"title": "burn"}, 4400, "BOOK_BURNT"),
    ],
)
async def test_a_socket_ends_with_the_error(transcoder: Transcoder, frame: Any, code: int, reason: str) -> None:
    socket = await Socket.open(transcoder, "/ws/kerya.library.v1.LibraryService/Chat")
    socket.say(frame)
    (last,) = await socket.frames()
    assert last["error"]["details"][0]["reason"] == reason
    assert socket.code == code


@pytest.mark.parametrize("path", ["/v1/books", "/v1/nope", "/ws/kerya.library.v1.LibraryService/Nope"])
async def test_a_socket_where_nothing_streams(transcoder: Transcoder, path: str) -> None:
    socket = await Socket.open(transcoder, path)
    (last,) = await socket.frames()
    assert last["error"]["code"] == 404
    assert socket.code == 4404


async def test_a_browser_gives_its_token_as_a_subprotocol(transcoder: Transcoder, library: Library) -> None:
    socket = await Socket.open(transcoder, "/v1/books:watch", b"count=1", ["kerya.v1", "bearer.abc"])
    await socket.frames()
    assert socket.subprotocol == "kerya.v1"
    assert library.metadata["authorization"] == "Bearer abc"


async def connect(
    app: Transcoder, path: str, query: bytes, headers: dict[str, str], leave: asyncio.Event | None = None
) -> tuple[asyncio.Queue[Any], asyncio.Task[None]]:
    """A GET without an HTTP client in between: what is sent, when, and the end."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    gone = leave or asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": raw,
    }
    return sent, asyncio.create_task(app(scope, receive, sent.put))


class Socket:
    """The client side of an ASGI WebSocket."""

    def __init__(self) -> None:
        self._in: asyncio.Queue[Any] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self.subprotocol: str | None = None
        self.code = 0

    @classmethod
    async def open(cls, app: Transcoder, path: str, query: bytes = b"", protocols: list[str] | None = None) -> Socket:
        made = cls()
        made._in.put_nowait({"type": "websocket.connect"})
        scope = {
            "type": "websocket",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "headers": [],
            "subprotocols": protocols or [],
        }
        made._task = asyncio.create_task(app(scope, made._in.get, made._out.put))  # type: ignore[attr-defined]
        accepted = await made._out.get()
        assert accepted["type"] == "websocket.accept"
        made.subprotocol = accepted["subprotocol"]
        return made

    def say(self, value: Any) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": json.dumps(value)})

    async def hear(self) -> Any:
        event = await asyncio.wait_for(self._out.get(), 3)
        assert event["type"] == "websocket.send"
        return json.loads(event["text"])

    async def frames(self) -> list[Any]:
        """Everything until the close."""
        heard = []
        while (event := await asyncio.wait_for(self._out.get(), 3))["type"] == "websocket.send":
            heard.append(json.loads(event["text"]))
        self.code = event["code"]
        return heard
