"""`python -m edge.transcoder` as it runs in the mesh: HTTP/1.1 and h2c, mutual TLS, probes, drain."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.edge.library_server import Library
from tests.unit.edge.library import descriptors

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Edge:
    """The running process and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, metrics: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.ops = f"http://127.0.0.1:{metrics}"


@pytest.fixture
async def edge(library: Library) -> AsyncIterator[Edge]:
    port, metrics = free_port(), free_port()
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}",
        "KERYA_LISTEN": f"127.0.0.1:{port}",
        "KERYA_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        "KERYA_TARGETS": json.dumps({"library": library.address}),
        "KERYA_DESCRIPTORS": str(descriptors()),
        "KERYA_TRANSCODER_DRAIN": "0.3",
        "KERYA_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edge.transcoder", env=environment)
    made = Edge(process, port, metrics)
    try:
        await _until_ready(made)
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_ready(edge: Edge) -> None:
    async with asyncio.timeout(30), httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{edge.url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                assert edge.process.returncode is None
            await asyncio.sleep(0.1)


async def test_pages_requests_streams_and_metrics(edge: Edge) -> None:
    async with httpx.AsyncClient(base_url=edge.url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"ready": True, "services": {"library": "SERVING"}}
        status = await client.get("/status")
        assert "Everything answers" in status.text and status.headers["content-type"].startswith("text/html")
        assert (await client.get("/openapi.json")).json()["openapi"] == "3.1.0"
        docs = await client.get("/docs")
        assert "/v1/books/{bookId}:lend" in docs.text and "<script" not in docs.text
        assert (await client.post("/openapi.json")).status_code == 405
        assert (await client.get("/v1/books/a%2Fb")).json()["bookId"] == "a/b"
        head = await client.head("/v1/books/7")
        assert (head.content, int(head.headers["content-length"])) == (
            b"",
            len((await client.get("/v1/books/7")).content),
        )
        assert len((await client.get("/v1/books:watch?count=3")).json()) == 3
        text = (await client.get(f"{edge.ops}/metrics")).text
        assert 'route="/v1/books/{book_id}",status="200"' in text
        assert (await client.get(f"{edge.ops}/livez")).status_code == 200
        assert (await client.get(f"{edge.ops}/readyz")).json() == {"ready": True, "dependencies": {"library": True}}


async def test_h2c_as_envoy_speaks_it(edge: Edge) -> None:
    arguments = ["-sS", "--http2-prior-knowledge", "-w", " %{http_version}", f"{edge.url}/v1/books/7"]
    try:
        curl = await asyncio.create_subprocess_exec("curl", *arguments, stdout=asyncio.subprocess.PIPE)
    except FileNotFoundError:
        pytest.skip("no curl here")
    out, _ = await curl.communicate()
    assert out.endswith(b" 2") and b"Nedjma" in out


async def test_a_caller_that_hangs_up_ends_the_call(edge: Edge, library: Library) -> None:
    with pytest.raises(httpx.ReadTimeout):
        async with httpx.AsyncClient(base_url=edge.url, timeout=0.6) as client:
            await client.get("/v1/books/slow")
    async with asyncio.timeout(2):
        while not library.cancelled:
            await asyncio.sleep(0.02)


async def test_a_raw_stream_that_breaks_is_not_mistaken_for_a_whole_one(edge: Edge) -> None:
    async with httpx.AsyncClient(base_url=edge.url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/books:downloadAll?count=3&failAfter=2")


async def test_readiness_follows_the_services(edge: Edge, library: Library) -> None:
    await library.stop()
    async with asyncio.timeout(10), httpx.AsyncClient(base_url=edge.url) as client:
        while (await client.get("/readyz")).status_code == 200:
            await asyncio.sleep(0.1)
        assert (await client.get("/status")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_a_stop_lets_requests_under_way_end(edge: Edge) -> None:
    async with httpx.AsyncClient(base_url=edge.url, timeout=10) as client:
        slow = asyncio.create_task(client.get("/v1/books:watch?count=4&pause=250"))
        await asyncio.sleep(0.2)
        edge.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert (await client.get("/readyz")).status_code == 503
        assert len((await slow).json()) == 4
    assert await asyncio.wait_for(edge.process.wait(), 5) == 0
