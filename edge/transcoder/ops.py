"""The plain HTTP listener for Prometheus: GET /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.metrics import exposition

_REQUEST_SECONDS = 2.0


async def serve_metrics(address: str) -> Callable[[], Awaitable[None]]:
    """Listens on host:port; answers what closes the listener."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                writer.write(_response(line))
                await writer.drain()
        except (TimeoutError, ConnectionError):
            pass  # a scraper that went away needs no answer
        finally:
            writer.close()

    host, _, port = address.rpartition(":")
    server = await asyncio.start_server(handle, host, int(port))

    async def close() -> None:
        server.close()
        await server.wait_closed()

    return close


def _response(request_line: bytes) -> bytes:
    if request_line.startswith(b"GET /metrics"):
        body, media = exposition()
        status = "200 OK"
    else:
        body, media, status = b"not found\n", "text/plain", "404 Not Found"
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body
