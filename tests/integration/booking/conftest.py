"""The booking service as it runs: the whole chassis, real engines, mutual TLS, tokens, the provider's sandbox."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import grpc
import pytest

from deploy.local import pki, secrets
from deploy.local.probe import free_ports
from kerya.booking.v1.booking_service_pb2_grpc import BookingServiceStub
from kerya.booking.v1.calendar_service_pb2_grpc import CalendarServiceStub
from kerya.booking.v1.payment_service_pb2_grpc import PaymentServiceStub
from kerya.property.v1.property_service_pb2_grpc import add_PropertyServiceServicer_to_server
from services.booking import app
from services.booking.clients import PropertyClient
from services.booking.settings import Settings
from services.chassis.client import MeshChannel
from services.chassis.contract import Contract
from services.chassis.jobs import Job
from services.chassis.migrations import upgrade
from services.chassis.runtime import start
from services.chassis.service import Chassis, Service
from services.chassis.tls import Identity
from services.chassis.topology import load
from tests.integration.booking.stand import Provider, Sandbox, Stand, Terms
from tests.integration.conftest import Engines


@pytest.fixture(scope="package")
async def home() -> AsyncIterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="kerya-booking-"))
    topology = load()
    secrets.ensure(made / "secrets", topology)
    pki.ensure(made / "pki", topology, "development")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="package")
async def running(engines: Engines, home: Path) -> AsyncIterator[Stand]:
    await engines.clear_redis()
    await engines.clear_streams()
    url = await engines.create_database()
    await upgrade(url, "services.booking")
    port, metrics, second_port, second_metrics, terms_port, sandbox_port = free_ports(6)
    async with AsyncExitStack() as stack:
        terms = Terms()
        neighbour = grpc.aio.server()
        add_PropertyServiceServicer_to_server(terms, neighbour)
        neighbour.add_secure_port(f"127.0.0.1:{terms_port}", Identity(home / "pki" / "property").server_credentials())
        await neighbour.start()
        stack.push_async_callback(neighbour.stop, 0)
        sandbox = Sandbox(home, sandbox_port)
        await sandbox.start()
        stack.callback(sandbox.stop)
        settings = Settings(
            service="booking",
            listen=f"127.0.0.1:{port}",
            metrics_listen=f"127.0.0.1:{metrics}",
            database_url=url,
            redis_url=engines.store.url(),
            nats_url=engines.server.url("kerya"),
            tls_directory=home / "pki" / "booking",
            secrets_directory=home / "secrets",
            targets={"property": f"127.0.0.1:{terms_port}"},
            stripe_base_url=f"{sandbox.url}/stripe",
            drain_delay=0.0,
            drain_grace=2.0,
            limit_scale=1000.0,
        )
        providers: list[Provider] = []
        jobs: dict[str, Job] = {}

        async def build(chassis: Chassis, given: Settings) -> Service:
            # Both processes share what a test makes happen around the provider: either may lead the jobs.
            if not providers:
                providers.append(Provider(app.stripe_provider(chassis, given)))
            service = app.compose(chassis, given, PropertyClient(chassis.channel("property")), providers[0])
            jobs.update({job.name: job for job in service.jobs})
            return service

        await start(stack, build, settings, Contract.load())
        second = {"listen": f"127.0.0.1:{second_port}", "metrics_listen": f"127.0.0.1:{second_metrics}"}
        await start(stack, build, settings.model_copy(update=second), Contract.load())
        channels = [
            MeshChannel("booking", f"127.0.0.1:{of}", Contract.load(), Identity(home / "pki" / "transcoder"), 10.0)
            for of in (port, second_port)
        ]
        for channel in channels:
            stack.push_async_callback(channel.close)
        database = await asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=1, max_size=4)
        stack.push_async_callback(database.close)
        signing = (home / "secrets" / "jwt_signing_key.pem").read_bytes()
        key_id = json.loads((home / "secrets" / "jwks.json").read_text())["keys"][0]["kid"]
        yield Stand(
            BookingServiceStub(channels[0]),
            BookingServiceStub(channels[1]),
            CalendarServiceStub(channels[0]),
            PaymentServiceStub(channels[0]),
            database,
            settings,
            sandbox,
            providers[0],
            terms,
            home / "secrets",
            signing,
            key_id,
            {name: job.run for name, job in jobs.items()},
        )
    await engines.drop_database(url)


@pytest.fixture
async def stand(running: Stand) -> AsyncIterator[Stand]:
    """The running service, nothing going wrong around it."""
    yield running
    running.provider.around.clear()
