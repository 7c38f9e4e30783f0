"""A library service on a real gRPC server, and the transcoder in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from edge.transcoder.app import Transcoder
from edge.transcoder.upstream import Upstream
from tests.integration.edge.library_server import Library
from tests.unit.edge.library import contract


@pytest.fixture
async def library() -> AsyncIterator[Library]:
    """The service, listening on a free port."""
    served = await Library.start()
    yield served
    await served.stop()


@pytest.fixture
async def transcoder(library: Library) -> AsyncIterator[Transcoder]:
    """The ASGI application in front of the service."""
    upstream = Upstream("library", library.address, contract().methods)
    yield Transcoder(contract(), {"library": upstream}, max_body_bytes=64 << 10)
    await upstream.close()


@pytest.fixture
async def client(transcoder: Transcoder) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the application, without a socket in between."""
    transport = httpx.ASGITransport(app=transcoder)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as made:
        yield made
