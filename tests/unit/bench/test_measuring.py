"""What the figures are made with: process clocks and trees, and the client that loads the edge."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.load import Connection, Unexpected, get_all
from bench.processes import (
    Meter,
    NotStarted,
    cpu_seconds,
    environment,
    free_port,
    listens,
    program,
    proportional_bytes,
    tree,
)


def test_the_clock_of_a_process_is_what_proc_stat_says() -> None:
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    fields = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(")")[2].split()
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    assert cpu_seconds(os.getpid()) == pytest.approx(ticks, abs=0.05)


def test_a_process_that_is_gone_has_no_clock() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with pytest.raises(ProcessLookupError):
        cpu_seconds(gone.pid)


def test_a_meter_counts_children_too() -> None:
    work = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ntime.sleep(30)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    with subprocess.Popen([sys.executable, "-c", nested], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family = tree(parent.pid)
        spent = Meter({"both": [parent.pid]}).read()["both"]
        for pid in family:
            os.kill(pid, 9)
    assert family[0] == parent.pid and len(family) == 2
    assert spent >= 0.2


def test_memory_and_environment_of_a_process() -> None:
    assert proportional_bytes(os.getpid()) > 1 << 20
    assert environment(os.getpid())["PATH"]


def test_a_program_runs_for_as_long_as_it_is_needed(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with program(argv, os.environ, port, tmp_path / "log", tmp_path):
        assert listens(port)
    assert not listens(port)


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with pytest.raises(NotStarted, match="no such luck"):
        with program(argv, os.environ, free_port(), tmp_path / "log", tmp_path):
            pass


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives the answers in turn, over and over; its port, and the request lines it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            answer = answers[len(seen) % len(answers)]
            seen.append(head.strip())
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


PLAIN = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
REFUSED = b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy"


async def test_the_client_reads_plain_and_chunked_bodies_on_one_connection() -> None:
    async with server(PLAIN, CHUNKED, PLAIN) as (port, seen), Connection(port) as connection:
        answers = [await connection.request("GET", f"/{number}") for number in range(3)]
    assert [answer.json() for answer in answers] == [{"a": 1}] * 3
    assert seen == [b"GET /0 HTTP/1.1", b"GET /1 HTTP/1.1", b"GET /2 HTTP/1.1"]


async def test_the_load_asks_for_every_target_once() -> None:
    targets = [f"/{number}" for number in range(25)]
    async with server(PLAIN) as (port, seen):
        await get_all(port, targets, concurrency=4)
    assert sorted(seen) == sorted(f"GET {target} HTTP/1.1".encode() for target in targets)


async def test_the_load_does_not_count_failures_as_work() -> None:
    async with server(PLAIN, REFUSED) as (port, _):
        with pytest.raises(ExceptionGroup) as raised:
            await get_all(port, ["/a", "/b", "/c"], concurrency=1)
    assert raised.group_contains(Unexpected, match="503 b'busy'")
