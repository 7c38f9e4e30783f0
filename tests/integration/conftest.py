"""Real engines for the integration tests: started once a run, on free ports, under a temporary folder."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import nats
import pytest
from redis.asyncio import Redis

from deploy.local.engines import nats as nats_engine
from deploy.local.engines import postgres, redis
from deploy.local.probe import free_ports
from deploy.local.process import Running

_USER = "kerya"
_PASSWORD = "integration"


@dataclass
class Engines:
    """The three engines of the run, and how a test gets a clean piece of each."""

    cluster: postgres.Cluster
    store: redis.Store
    server: nats_engine.Server
    running: dict[str, Running] = field(default_factory=dict)
    _number: Iterator[int] = field(default_factory=lambda: count(1))

    async def create_database(self) -> str:
        """The async URL of a new, empty database."""
        name = f"kerya_{next(self._number)}"
        await postgres.create_database(self.cluster, _USER, name)
        return self.cluster.url(_USER, name)

    async def drop_database(self, url: str) -> None:
        async with postgres.administer(self.cluster) as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    async def clear_redis(self) -> None:
        async with Redis.from_url(self.store.url()) as client:
            await client.flushall()

    async def clear_streams(self) -> None:
        client = await nats.connect(self.server.url(_USER))
        try:
            jetstream = client.jetstream()
            for stream in await jetstream.streams_info():
                await jetstream.delete_stream(stream.config.name or "")
        finally:
            await client.close()


@pytest.fixture(scope="session")
async def engines() -> AsyncIterator[Engines]:
    """PostgreSQL, Redis and NATS, running until the end of the session."""
    home = Path(tempfile.mkdtemp(prefix="kerya-test-"))
    home.chmod(0o711)  # PostgreSQL may run as another user than we do
    port, redis_port, nats_port, monitor_port = free_ports(4)
    # A killed server loses nothing without fsync; only a power cut would, and no test cuts the power.
    cluster = postgres.Cluster(home / "postgres", port, _PASSWORD, {_USER: _PASSWORD}, {"fsync": "off"})
    store = redis.Store(home / "redis", redis_port, _PASSWORD)
    server = nats_engine.Server(home / "nats", nats_port, monitor_port, {_USER: _PASSWORD})
    found = Engines(cluster, store, server)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        found.running["postgres"] = await postgres.start(cluster)
        stack.push_async_callback(found.running["postgres"].stop)
        found.running["redis"] = await redis.start(store)
        stack.push_async_callback(found.running["redis"].stop)
        found.running["nats"] = await nats_engine.start(server)
        stack.push_async_callback(found.running["nats"].stop)
        yield found


@pytest.fixture(scope="session")
def create_database(engines: Engines) -> Callable[[], Awaitable[str]]:
    """Makes one more empty database, for fixtures of a module or of the session; its async URL."""
    return engines.create_database


@pytest.fixture
async def database_url(engines: Engines) -> AsyncIterator[str]:
    """A fresh, empty database of this test alone: `postgresql+asyncpg://…`."""
    url = await engines.create_database()
    yield url
    await engines.drop_database(url)


@pytest.fixture
async def redis_url(engines: Engines) -> str:
    """Redis, emptied before the test."""
    await engines.clear_redis()
    return engines.store.url()


@pytest.fixture
async def nats_url(engines: Engines) -> str:
    """NATS with JetStream, without any stream before the test."""
    await engines.clear_streams()
    return engines.server.url(_USER)
