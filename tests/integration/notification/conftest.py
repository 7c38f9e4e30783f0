"""One notification service for all tests; each test has users of its own."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.conftest import Engines
from tests.integration.notification.stand import Stand, standing


@pytest.fixture(scope="session")
async def running(engines: Engines) -> AsyncIterator[Stand]:
    home = Path(tempfile.mkdtemp(prefix="kerya-notification-"))
    url = await engines.create_database()
    await engines.clear_redis()
    await engines.clear_streams()
    try:
        async with standing(home, url, engines.store.url(), engines.server.url("kerya")) as stand:
            yield stand
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def stand(running: Stand) -> AsyncIterator[Stand]:
    """The running service; a provider that a test disturbed is well again after it."""
    yield running
    running.users.down = False
    async with httpx.AsyncClient() as client:
        await client.delete(f"{running.sandbox.url}/knobs")
