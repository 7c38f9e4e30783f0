"""What stands where the transcoder will: answers every request with what arrived. Run by granian."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await _websocket(receive, send)
    elif scope["type"] == "http":
        await _http(scope, receive, send)


async def _http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    path = scope["path"]
    if path == "/.well-known/jwks.json":
        return await _answer(send, Path(os.environ["DEMO_JWKS"]).read_bytes())
    if path.endswith(":watch"):
        return await _events(send)
    if path == "/v1/slow":
        await asyncio.sleep(30)
    if path == "/v1/large":
        return await _answer(send, json.dumps({"text": "kerya " * 2000}).encode(), etag=b'"v1"')
    body = await _read(receive)
    seen = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
        "body_bytes": len(body),
    }
    await _answer(send, json.dumps(seen).encode())


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(send: Send, body: bytes, **headers: bytes) -> None:
    extra = [(name.encode(), value) for name, value in headers.items()]
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def _events(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(4):
        await send({"type": "http.response.body", "body": f"data: {number}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0.6)
    await send({"type": "http.response.body", "body": b""})


async def _websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await send({"type": "websocket.close"})
