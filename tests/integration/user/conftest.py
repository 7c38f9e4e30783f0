"""One user service for all tests; each test is somebody else, from another address."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.conftest import Engines
from tests.integration.user.stand import Person, Stand, standing


@pytest.fixture(scope="session")
async def running(engines: Engines) -> AsyncIterator[Stand]:
    home = Path(tempfile.mkdtemp(prefix="kerya-user-"))
    url = await engines.create_database()
    await engines.clear_redis()
    await engines.clear_streams()
    try:
        async with standing(home, url, engines.store.url(), engines.server.url("kerya")) as stand:
            yield stand
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def stand(running: Stand) -> Iterator[Stand]:
    yield running
    running.clock.ahead = timedelta(0)


@pytest.fixture
def person(stand: Stand) -> Person:
    return Person(stand)


@pytest.fixture
async def member(stand: Stand) -> Person:
    """Somebody with a verified address."""
    found = Person(stand)
    await found.register()
    await found.verify()
    return found
