"""The property service as it runs: the whole chassis, real engines, mutual TLS, tokens."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from asyncpg import connect

from deploy.local import pki, secrets
from deploy.local.probe import free_ports
from kerya.property.v1.property_service_pb2_grpc import PropertyServiceStub
from services.chassis.client import MeshChannel
from services.chassis.contract import Contract
from services.chassis.migrations import upgrade
from services.chassis.runtime import start
from services.chassis.tls import Identity
from services.chassis.topology import load
from services.property.app import build
from services.property.settings import Settings
from tests.integration.conftest import Engines
from tests.integration.property.stand import Stand


@pytest.fixture(scope="package")
async def home() -> AsyncIterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="kerya-property-"))
    topology = load()
    secrets.ensure(made / "secrets", topology)
    pki.ensure(made / "pki", topology, "development")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="package")
async def stand(engines: Engines, home: Path) -> AsyncIterator[Stand]:
    """The service on a fresh database, and channels to it."""
    await engines.clear_redis()
    await engines.clear_streams()
    url = await engines.create_database()
    await upgrade(url, "services.property")
    port, metrics = free_ports(2)
    settings = Settings(
        service="property",
        listen=f"127.0.0.1:{port}",
        metrics_listen=f"127.0.0.1:{metrics}",
        database_url=url,
        redis_url=engines.store.url(),
        nats_url=engines.server.url("kerya"),
        tls_directory=home / "pki" / "property",
        secrets_directory=home / "secrets",
        drain_delay=0.0,
        drain_grace=2.0,
        limit_scale=1000.0,
    )
    async with AsyncExitStack() as stack:
        await start(stack, build, settings, Contract.load())
        stubs = {}
        for workload in ("transcoder", "booking", "notification"):
            identity = Identity(home / "pki" / workload)
            channel = MeshChannel("property", f"127.0.0.1:{port}", Contract.load(), identity, 10.0)
            stack.push_async_callback(channel.close)
            stubs[workload] = PropertyServiceStub(channel)
        database = await connect(url.replace("+asyncpg", ""))
        stack.push_async_callback(database.close)
        signing = (home / "secrets" / "jwt_signing_key.pem").read_bytes()
        key_id = json.loads((home / "secrets" / "jwks.json").read_text())["keys"][0]["kid"]
        yield Stand(stubs, database, settings, signing, key_id)
    await engines.drop_database(url)
