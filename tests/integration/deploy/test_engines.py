"""The engines start, keep what they were given through a crash, and leave no process behind."""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import nats
import nats.errors
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from deploy.local import pki
from deploy.local.engines import nats as nats_engine
from deploy.local.engines import postgres, redis
from deploy.local.probe import free_ports
from deploy.local.process import Running
from services.chassis.topology import load


def _dsn(url: str) -> str:
    return url.replace("+asyncpg", "")


def _gone(running: Running) -> bool:
    try:
        os.killpg(running.pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_postgres_survives_a_crash_and_keeps_what_was_committed(tmp_path: Path) -> None:
    [port] = free_ports(1)
    cluster = postgres.Cluster(tmp_path / "postgres", port, "top", {"user": "one", "property": "two"})
    try:
        running = await postgres.start(cluster)
        connection = await asyncpg.connect(_dsn(cluster.url("user")))
        await connection.execute("CREATE TABLE kept (name text)")
        await connection.execute("INSERT INTO kept VALUES ('Élysée')")
        await running.kill()
        assert _gone(running)
        running = await postgres.start(cluster)
        connection = await asyncpg.connect(_dsn(cluster.url("user")))
        assert await connection.fetchval("SELECT lower(name) FROM kept") == "élysée"
        await connection.close()
        assert await running.stop() == 0
        assert _gone(running)
    finally:
        postgres.remove(tmp_path / "postgres")


async def test_a_service_enters_its_own_database_only(tmp_path: Path) -> None:
    [port] = free_ports(1)
    cluster = postgres.Cluster(tmp_path / "postgres", port, "top", {"user": "one", "property": "two"})
    running = await postgres.start(cluster)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(_dsn(cluster.url("user", "property")))
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(_dsn(cluster.url("user")).replace("one", "two"))
    finally:
        await running.stop()
        postgres.remove(tmp_path / "postgres")


async def test_redis_asks_for_the_password_and_keeps_its_keys(tmp_path: Path) -> None:
    [port] = free_ports(1)
    store = redis.Store(tmp_path / "redis", port, "secret")
    running = await redis.start(store)
    async with Redis.from_url(store.url()) as client:
        await client.set("kept", "1")
    await running.stop()
    running = await redis.start(store)
    async with Redis.from_url(store.url()) as client:
        assert await client.get("kept") == b"1"
    async with Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger:
        with pytest.raises(Exception, match="authenticated"):
            await stranger.ping()
    await running.stop()
    assert _gone(running)


async def test_nats_keeps_an_acknowledged_event_through_kill_9(tmp_path: Path) -> None:
    port, monitor = free_ports(2)
    server = nats_engine.Server(tmp_path / "nats", port, monitor, {"user": "secret"})
    running = await nats_engine.start(server)
    client = await nats.connect(server.url("user"))
    await client.jetstream().add_stream(name="USER", subjects=["user.>"])
    await client.jetstream().publish("user.registered", b"event")
    await client.close()
    await running.kill()
    running = await nats_engine.start(server)
    client = await nats.connect(server.url("user"))
    message = await client.jetstream().get_last_msg("USER", "user.registered")
    assert message.data == b"event"
    await client.close()
    await running.stop()
    assert _gone(running)


async def test_nats_over_tls_refuses_a_client_without_a_certificate_of_the_authority(tmp_path: Path) -> None:
    port, monitor = free_ports(2)
    pki.ensure(tmp_path / "pki", load(environment={}), "development")
    own, client_files = tmp_path / "pki" / "operator", tmp_path / "pki" / "user"
    tls = nats_engine.Tls(own / "cert.pem", own / "key.pem", own / "ca.pem")
    server = nats_engine.Server(tmp_path / "nats", port, monitor, {"user": "secret"}, tls)
    running = await nats_engine.start(server)
    try:
        stranger = ssl.create_default_context(cafile=str(own / "ca.pem"))
        with pytest.raises((OSError, nats.errors.Error)):
            await nats.connect(server.url("user"), tls=stranger, allow_reconnect=False, max_reconnect_attempts=1)
        known = ssl.create_default_context(cafile=str(own / "ca.pem"))
        known.load_cert_chain(client_files / "cert.pem", client_files / "key.pem")
        client = await nats.connect(server.url("user"), tls=known)
        assert client.is_connected
        await client.close()
    finally:
        await running.stop()


async def test_every_test_has_a_database_of_its_own(
    database_url: str, create_database: Callable[[], Awaitable[str]]
) -> None:
    other = await create_database()
    assert other != database_url
    first, second = await asyncio.gather(asyncpg.connect(_dsn(database_url)), asyncpg.connect(_dsn(other)))
    await first.execute("CREATE TABLE here (id int)")
    assert await second.fetchval("SELECT to_regclass('here')") is None
    await asyncio.gather(first.close(), second.close())


async def test_redis_and_nats_are_handed_over_clean(redis_url: str, nats_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        assert await client.dbsize() == 0
    client = await nats.connect(nats_url)
    assert await client.jetstream().streams_info() == []
    await client.close()
