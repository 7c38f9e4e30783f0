"""Ended sessions are known everywhere a moment later, also across a restart of the bus."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local.engines import nats as nats_engine
from deploy.local.probe import free_ports
from services.chassis.clock import Clock, ManualClock
from services.chassis.cloudevent import Envelope
from services.chassis.jetstream import JetStream
from services.chassis.revocations import Revocations
from tests.integration.chassis.crash import Engine
from tests.integration.chassis.facts import PACKAGE, STREAM, SUBJECT, Fact, contract
from tests.integration.chassis.stand import until

CONTRACT = contract(revokes="thing_id")


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[tuple[Engine, JetStream]]:
    port, monitor = free_ports(2)
    server = nats_engine.Server(tmp_path / "nats", port, monitor, {"kerya": "secret"})
    engine = Engine(lambda: nats_engine.start(server))
    await engine.start()
    jetstream = JetStream(server.url("kerya"), name="tests")
    await jetstream.start(within=5)
    await jetstream.declare(CONTRACT, PACKAGE)
    yield engine, jetstream
    await jetstream.stop()
    await engine.stop()


async def _end(jetstream: JetStream, session: str, ago: timedelta = timedelta()) -> None:
    envelope = Envelope(uuid4(), f"{PACKAGE}.Fact", "//kerya/facts", session, Clock().now() - ago)
    await jetstream.publish(STREAM, SUBJECT, Fact(thing_id=session).SerializeToString(), envelope.headers())


async def test_a_revocation_is_known_survives_a_restart_and_is_forgotten(bus: tuple[Engine, JetStream]) -> None:
    engine, jetstream = bus
    await _end(jetstream, "before")
    clock = ManualClock(Clock().now())
    revocations = Revocations(jetstream, CONTRACT, clock, lambda name: Fact)
    await revocations.start()

    async def knows(session: str) -> bool:
        return revocations.is_revoked(session)

    await until(lambda: knows("before"))
    assert not revocations.is_revoked("somebody else")
    await _end(jetstream, "now")
    await until(lambda: knows("now"), 2)

    await engine.kill()
    assert revocations.is_revoked("now")
    await engine.start()
    await jetstream.ready()
    await _end(jetstream, "after the restart")
    await until(lambda: knows("after the restart"), 15)

    clock.advance(timedelta(minutes=16))
    assert not revocations.is_revoked("now")
    await revocations.stop()
