"""The plain HTTP listener for probes and Prometheus: GET /livez, /readyz, /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import orjson

from services.chassis.metrics import exposition

_REQUEST_SECONDS = 2.0
_REASONS = {200: "OK", 404: "Not Found", 503: "Service Unavailable"}

Answer = tuple[int, str, bytes]


class Readiness(Protocol):
    """What /readyz tells: whether calls should be sent here, and which dependencies are up."""

    @property
    def ready(self) -> bool: ...
    @property
    def report(self) -> Mapping[str, bool]: ...


async def serve_ops(address: str, health: Readiness) -> Callable[[], Awaitable[None]]:
    """Listens on host:port; answers what closes the listener."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                writer.write(_response(_answer(line.decode("latin-1").split(" ")[1:2], health)))
                await writer.drain()
        except (TimeoutError, ConnectionError):
            pass  # a prober that went away needs no answer
        finally:
            writer.close()

    host, _, port = address.rpartition(":")
    server = await asyncio.start_server(handle, host, int(port))

    async def close() -> None:
        server.close()
        await server.wait_closed()

    return close


def _answer(target: list[str], health: Readiness) -> Answer:
    path = target[0] if target else ""
    if path == "/metrics":
        body, content_type = exposition()
        return 200, content_type, body
    if path == "/livez":
        return 200, "text/plain", b"ok\n"
    if path == "/readyz":
        report = {"ready": health.ready, "dependencies": health.report}
        return 200 if health.ready else 503, "application/json", orjson.dumps(report)
    return 404, "text/plain", b"not found\n"


def _response(answer: Answer) -> bytes:
    status, content_type, body = answer
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
