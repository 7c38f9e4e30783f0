"""A client that sends exactly the bytes it is given, for requests no HTTP library would write."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The first status (0: none came), all bytes, and whether the server closed the connection by itself."""

    status: int
    content: bytes
    closed: bool


async def exchange(port: int, request: bytes, *, wait: float = 1.0) -> Answer:
    """Sends `request` and reads until the server closes, or `wait` seconds pass without a byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    content, closed = b"", False
    try:
        while not closed:
            chunk = await asyncio.wait_for(reader.read(65536), wait)
            content, closed = content + chunk, not chunk
    except TimeoutError:
        closed = False
    except ConnectionResetError:
        closed = True
    finally:
        writer.close()
    parts = content.split(maxsplit=2)
    return Answer(int(parts[1]) if len(parts) > 1 else 0, content, closed)


def get(path: str, *lines: str, host: str = "localhost", version: str = "HTTP/1.1") -> bytes:
    """A GET request with extra header lines."""
    return "\r\n".join((f"GET {path} {version}", f"Host: {host}", *lines, "", "")).encode("latin-1")
