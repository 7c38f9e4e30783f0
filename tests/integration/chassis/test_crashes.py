"""Kills in the middle: no event is lost, none has effect twice, no zombie writes."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from nats.errors import Error as NatsError

from deploy.local.engines import nats as nats_engine
from deploy.local.probe import free_ports
from services.chassis.clock import Clock
from services.chassis.consumer import Consumers, Handlers, Ladder
from services.chassis.database import Database
from services.chassis.failures import DependencyDown
from services.chassis.feed import Feed
from services.chassis.jetstream import JetStream
from services.chassis.outbox import Outbox
from tests.integration.chassis.crash import LONG, Engine, Program
from tests.integration.chassis.facts import PACKAGE, STREAM, SUBJECT, Fact, contract
from tests.integration.chassis.stand import Bench, Effects, until

pytestmark = pytest.mark.timeout(900 if LONG else 60)


class Undo(Exception):
    """Rolls a transaction back on purpose."""


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[tuple[Engine, str]]:
    """A NATS server of this test alone, and its URL."""
    port, monitor = free_ports(2)
    server = nats_engine.Server(tmp_path / "nats", port, monitor, {"kerya": "secret"})
    engine = Engine(lambda: nats_engine.start(server))
    await engine.start()
    yield engine, server.url("kerya")
    await engine.stop()


@pytest.fixture
async def bench(database: Database, bus: tuple[Engine, str]) -> AsyncIterator[Bench]:
    jetstream = JetStream(bus[1], name="tests")
    await jetstream.start(within=5)
    await jetstream.declare(contract(), PACKAGE)
    outbox = Outbox(lambda event: event, contract=contract(), clock=Clock())
    yield Bench(database, jetstream, outbox, database.url, bus[1])
    await jetstream.stop()


async def _write_until(bench: Bench, stop: asyncio.Event, seed: int) -> int:
    """Writes facts, a fifth of them in transactions that roll back; how many were committed."""
    random = Random(seed)
    written = 0
    while not stop.is_set():
        try:
            async with bench.database.write() as tx:
                await bench.outbox.add(tx, Fact(thing_id=f"thing-{random.randrange(20)}", number=written))
                if random.random() < 0.2:
                    raise Undo
            written += 1
        except Undo:
            pass
        await asyncio.sleep(0.05)
    return written


async def test_p3_an_event_is_published_if_and_only_if_its_transaction_commits(
    bench: Bench, bus: tuple[Engine, str]
) -> None:
    """Relay and bus are killed under writers; lost 0, inbox duplicates 0, lag p99 below 1 s after the last kill."""
    writers, relay_kills, bus_kills = (20, 20, 5) if LONG else (4, 4, 2)
    consumers = Consumers(
        bench.jetstream, contract(), "tests", [Handlers({Fact: Effects(bench.database)})], Ladder(ack_wait=2)
    )
    await consumers.start()
    stop = asyncio.Event()
    writing = [asyncio.create_task(_write_until(bench, stop, seed)) for seed in range(writers)]
    async with Program("relay_program", bench.database_url, bench.nats_url) as relay:
        for kill in range(relay_kills):
            await asyncio.sleep(2 if LONG else 0.7)
            if kill < bus_kills:
                await bus[0].kill()
                await asyncio.sleep(0.3)
                await bus[0].start()
            relay.signal(signal.SIGKILL)
        calm = await _calm(bench)
        await asyncio.sleep(2)
        stop.set()
        committed = sum(await asyncio.gather(*writing))
        await until(lambda: bench.has(committed), 30)
    assert await bench.count("SELECT count(*) FROM outbox") == committed
    assert await bench.count("SELECT count(*) FROM effect") == committed
    assert await bench.count("SELECT count(DISTINCT event_id) FROM effect JOIN outbox ON id = event_id") == committed
    lag = await bench.count(
        "SELECT 1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM at - occurred_at))"
        f" FROM effect JOIN outbox ON id = event_id WHERE occurred_at > to_timestamp({calm})"
    )
    # The figure is 1 s on a machine of its own; where two cores serve all tests at once, a wider one tells broken from busy.
    assert lag < (1000 if LONG else 5000), f"p99 of {lag} ms after the last kill"
    # A kill may meet a relay that is not up again yet.
    assert 1 <= relay.count(f"died {-signal.SIGKILL}") <= relay_kills
    await consumers.stop()


async def _calm(bench: Bench) -> float:
    """Waits until the outbox was empty once and a moment has passed; the time then."""

    async def published() -> bool:
        return await bench.count("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0

    await until(published, 30)
    await asyncio.sleep(0.5)
    return time.time()


async def test_p4_an_acknowledged_publish_survives_the_servers_death(bench: Bench, bus: tuple[Engine, str]) -> None:
    """16 publishers repeat each message until it is acknowledged; 3 kills; lost 0, duplicates 0."""
    stop = asyncio.Event()
    acknowledged: set[str] = set()

    async def publish() -> None:
        while not stop.is_set():
            name = str(uuid4())
            while name not in acknowledged:
                try:
                    await bench.jetstream.publish(STREAM, SUBJECT, name.encode(), {"Nats-Msg-Id": name})
                    acknowledged.add(name)
                except (NatsError, DependencyDown, TimeoutError):
                    await asyncio.sleep(0.05)

    publishers = [asyncio.create_task(publish()) for _ in range(16)]
    for _ in range(3):
        await asyncio.sleep(15 if LONG else 1)
        before = len(acknowledged)
        await bus[0].kill()
        await bus[0].start()
        await until(lambda: _more(acknowledged, before + 50))
    stop.set()
    await asyncio.gather(*publishers)
    stored = [body async for body in _stored(bench.jetstream, len(acknowledged))]
    assert len(acknowledged) > 500
    assert set(stored) == acknowledged
    assert len(stored) == len(acknowledged)


async def _more(found: set[str], than: int) -> bool:
    return len(found) > than


async def _stored(jetstream: JetStream, expected: int) -> AsyncIterator[str]:
    """What the stream holds, once it says that nothing is left."""

    async def bind() -> str:
        return (await jetstream.context.add_consumer(STREAM, ack_policy="none", mem_storage=True)).name

    async def room() -> int:
        return 256

    async for message in Feed(jetstream, STREAM, bind).messages(room):
        yield message.data.decode()
        if message.metadata.num_pending == 0:
            return


async def test_p5_a_consumer_killed_between_commit_and_ack_has_one_effect_an_event(bench: Bench) -> None:
    """Each event effects exactly 1, the ledger's sum is the events' sum."""
    kills = 200 if LONG else 4
    events = kills * 10 - 5
    for number in range(events):
        await bench.jetstream.publish(
            STREAM, SUBJECT, Fact(thing_id=str(number % 7), number=number).SerializeToString(), _headers()
        )
    async with Program("consumer_program", bench.database_url, bench.nats_url) as consumer:

        async def settled() -> bool:
            info = await bench.jetstream.context.consumer_info(STREAM, "tests-fact")
            return await bench.has(events) and not info.num_ack_pending and not info.num_pending

        await consumer.said("died", 30)
        await until(settled, 10 * kills)
    # Two fatal facts may be in hand at once: both take effect, and one death serves both.
    assert kills / 2 <= consumer.count(f"died {-signal.SIGKILL}") <= kills
    assert await bench.count("SELECT count(*) FROM effect") == events
    assert await bench.count("SELECT count(DISTINCT event_id) FROM effect") == events
    assert await bench.count("SELECT sum(number) FROM effect") == sum(range(events))


def _headers() -> dict[str, str]:
    from services.chassis.cloudevent import Envelope

    envelope = Envelope(uuid4(), f"{PACKAGE}.Fact", "//kerya/facts", str(uuid4()), Clock().now())
    return envelope.headers()


async def test_p8_a_frozen_workers_job_is_taken_over_and_its_late_write_refused(bench: Bench) -> None:
    """SIGSTOP the leader in the middle of a run; another takes over once; SIGCONT: the zombie's write is refused."""
    frozen_for, lease = (60, 15.0) if LONG else (5, 2.0)
    async with (
        Program("worker_program", bench.database_url, "first", str(lease)) as first,
        Program("worker_program", bench.database_url, "second", str(lease)) as second,
    ):
        await second.said("ready")
        leader, follower = (first, second) if first.count("working") else (second, first)
        name = "first" if leader is first else "second"
        other = "second" if leader is first else "first"
        await until(lambda: _ran(bench, name))
        assert not follower.count("working")
        runs = leader.count("working")
        while leader.count("working") == runs:
            await asyncio.sleep(0.01)
        leader.signal(signal.SIGSTOP)  # at the beginning of the run's half second
        written = await bench.count(f"SELECT count(*) FROM effect WHERE thing = '{name}'")
        await asyncio.sleep(frozen_for)
        assert await _ran(bench, other)

        leader.signal(signal.SIGCONT)
        await leader.said("refused")
        await asyncio.sleep(1)
        assert await bench.count(f"SELECT count(*) FROM effect WHERE thing = '{name}'") == written
        assert leader.count("refused") == 1


async def _ran(bench: Bench, name: str) -> bool:
    return await bench.count(f"SELECT count(*) FROM effect WHERE thing = '{name}'") > 0
