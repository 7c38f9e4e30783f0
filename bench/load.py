"""A small HTTP/1.1 client on kept connections. It runs in the bench's own process, whose CPU time no figure counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from bench.processes import LOOPBACK

CONCURRENCY = 8
TIMEOUT_SECONDS = 30.0


class Unexpected(Exception):
    """An answer that is not 200 where the load needs it to be."""


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


class Connection:
    """One connection to a port of this machine, opened again when the peer has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def request(
        self, verb: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One exchange. Raises OSError, EOFError and TimeoutError; the connection is closed then."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await self._exchange(_message(verb, target, headers or {}, body))
        except (OSError, EOFError, TimeoutError):
            self.close()
            raise

    async def _exchange(self, message: bytes) -> Answer:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(LOOPBACK, self._port, limit=1 << 20)
        self._writer.write(message)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await _body(self._reader, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(int(head[0].split()[1]), headers, body)


def _message(verb: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{verb} {target} HTTP/1.1", "host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    if body or verb != "GET":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return body


async def get_all(port: int, targets: Iterable[str], concurrency: int = CONCURRENCY) -> None:
    """GETs every target. Raises Unexpected for the first answer that is not 200."""
    queue = iter(targets)

    async def worker() -> None:
        async with Connection(port) as connection:
            for target in queue:
                answer = await connection.request("GET", target)
                if answer.status != 200:
                    raise Unexpected(f"GET {target} on {port}: {answer.status} {answer.body[:300]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())
