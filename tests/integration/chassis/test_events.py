"""From a committed row to a committed effect."""

import asyncio
from typing import Any

from opentelemetry import trace

from services.chassis import deadletter, outbox, telemetry
from services.chassis.clock import Clock
from services.chassis.consumer import Consumers, Delivery, Handlers, Ladder, Reject
from services.chassis.outbox import Outbox
from services.chassis.relay import Relay
from tests.integration.chassis.facts import PACKAGE, STREAM, SUBJECT, Fact, contract
from tests.integration.chassis.stand import Bench, Effects, until


async def test_a_committed_event_has_its_effect(bench: Bench) -> None:
    relay = Relay(bench.database, bench.jetstream, "facts")
    handler = Effects(bench.database)
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handler})])
    await relay.start()
    await consumers.start()
    await bench.write(Fact(thing_id="a", number=1), Fact(thing_id="b", number=2))
    await until(lambda: bench.has(2))
    assert sorted(await bench.effects()) == [("a", 1), ("b", 2)]
    assert {(delivery.subject, delivery.attempt) for delivery in handler.deliveries} == {(SUBJECT, 1)}
    await consumers.stop()
    await relay.stop()


async def test_p6_a_poison_event_goes_to_the_dead_letters_and_blocks_nobody(bench: Bench) -> None:
    """1 poison in 1,000: 999 effects, 1 dead letter with its reason, nobody delayed; a redrive has its effect."""
    poison = 500
    healed = False
    effects = Effects(bench.database)

    async def handle(event: Any, delivery: Delivery) -> None:
        if event.number == poison and not healed:
            raise ArithmeticError("cannot be")
        await effects(event, delivery)

    ladder = Ladder(backoff=(0.05,), max_deliver=3)
    relay = Relay(bench.database, bench.jetstream, "facts")
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handle})], ladder)
    await bench.write(*(Fact(thing_id=f"thing-{n % 100}", number=n) for n in range(1000)))
    await relay.start()
    await consumers.start()
    await until(lambda: bench.has(999), 20)

    async def died() -> bool:
        return len([letter async for letter in deadletter.letters(bench.jetstream)]) > 0

    await until(died)
    dead = [letter async for letter in deadletter.letters(bench.jetstream)]
    assert [(letter.consumer, letter.deliveries, letter.reason) for letter in dead] == [
        ("tests-fact", 3, "attempt 3: ArithmeticError")
    ]
    worst = await bench.count(
        "SELECT extract(epoch FROM max(gap)) * 1000 FROM (SELECT at - lag(at) OVER (ORDER BY at) AS gap FROM effect) g"
    )
    assert worst < 1000, f"the poison held the others up for {worst} ms"

    healed = True
    await deadletter.redrive(bench.jetstream, dead[0].number)
    await until(lambda: bench.has(1000))
    assert [letter async for letter in deadletter.letters(bench.jetstream)] == []
    await consumers.stop()
    await relay.stop()


async def test_a_rejected_and_an_unreadable_event_die_at_once(bench: Bench) -> None:
    async def reject(event: Any, delivery: Delivery) -> None:
        raise Reject("the thing is not ours")

    relay = Relay(bench.database, bench.jetstream, "facts")
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: reject})])
    await relay.start()
    await consumers.start()
    await bench.write(Fact(thing_id="a", number=1))
    await bench.jetstream.publish(STREAM, SUBJECT, b"\xff\xff", {"Nats-Msg-Id": "torn"})

    async def dead() -> list[tuple[int, str]]:
        return [(letter.deliveries, letter.reason) async for letter in deadletter.letters(bench.jetstream)]

    async def both() -> bool:
        return len(await dead()) == 2

    await until(both)
    assert sorted(await dead()) == [(1, "the thing is not ours"), (1, "undecodable: no header 'ce-id'")]
    await consumers.stop()
    await relay.stop()


async def test_events_of_one_aggregate_arrive_in_order(bench: Bench) -> None:
    relays = [Relay(bench.database, bench.jetstream, "facts", poll=0.05) for _ in range(3)]
    handler = Effects(bench.database)
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handler})])
    for relay in relays:
        await relay.start()
    await consumers.start()
    for number in range(40):
        await bench.write(*(Fact(thing_id=f"thing-{thing}", number=number) for thing in range(5)))
    await until(lambda: bench.has(200), 20)
    found = await bench.effects()
    for thing in range(5):
        assert [number for name, number in found if name == f"thing-{thing}"] == list(range(40))
    await consumers.stop()
    for relay in relays:
        await relay.stop()


async def test_what_can_never_be_published_is_parked_and_holds_nothing_up(bench: Bench) -> None:
    nowhere = Outbox(lambda event: event, contract=contract(stream="NOWHERE", subject="nowhere.found"), clock=Clock())
    async with bench.database.write() as tx:
        await bench.outbox.add(tx, Fact(thing_id="a", number=1, text="x" * (300 << 10)))
        await bench.outbox.add(tx, Fact(thing_id="a", number=2, text="x" * (2 << 20)))
        await nowhere.add(tx, Fact(thing_id="a", number=3))
        await bench.outbox.add(tx, Fact(thing_id="a", number=4))
    relay = Relay(bench.database, bench.jetstream, "facts")
    await relay.start()

    async def published() -> bool:
        return await bench.count("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 1

    await until(published)
    async with bench.database.read() as connection:
        reasons = [row.parked_reason for row in await outbox.parked(connection)]
    assert reasons == ["larger than the stream takes", "larger than the bus takes", "no stream NOWHERE"]
    await relay.stop()


async def test_a_full_stream_keeps_events_in_the_outbox_until_there_is_room(bench: Bench) -> None:
    await bench.jetstream.context.delete_stream(STREAM)
    await bench.jetstream.declare(contract(max_bytes=64 << 10), PACKAGE)
    await bench.write(*(Fact(thing_id=f"thing-{n}", number=n, text="x" * 20_000) for n in range(5)))
    relay = Relay(bench.database, bench.jetstream, "facts")
    await relay.start()

    async def refused() -> bool:
        return await bench.count("SELECT count(*) FROM outbox WHERE not_before > '-infinity'") > 0

    await until(refused)
    assert await bench.count("SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL") == 0
    await bench.jetstream.declare(contract(), PACKAGE)

    async def published() -> bool:
        return await bench.count("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL") == 5

    await until(published, 15)
    await relay.stop()


async def test_a_trace_goes_on_through_outbox_and_stream(bench: Bench) -> None:
    seen: list[int] = []

    async def handle(event: Any, delivery: Delivery) -> None:
        seen.append(trace.get_current_span().get_span_context().trace_id)

    relay = Relay(bench.database, bench.jetstream, "facts")
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handle})])
    await relay.start()
    await consumers.start()
    request = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with telemetry.span_under(request, "request", trace.SpanKind.SERVER):
        await bench.write(Fact(thing_id="a", number=1))

    async def handled() -> bool:
        return len(seen) == 1

    await until(handled)
    assert f"{seen[0]:032x}" == "0af7651916cd43dd8448eb211c80319c"
    await consumers.stop()
    await relay.stop()


async def test_a_stopped_consumer_ends_what_it_has_in_hand(bench: Bench) -> None:
    begun = asyncio.Event()
    effects = Effects(bench.database)

    async def handle(event: Any, delivery: Delivery) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        await effects(event, delivery)

    relay = Relay(bench.database, bench.jetstream, "facts")
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handle})])
    await relay.start()
    await consumers.start()
    await bench.write(Fact(thing_id="a", number=1))
    await asyncio.wait_for(begun.wait(), 10)
    await consumers.stop()
    assert await bench.effects() == [("a", 1)]
    info = await bench.jetstream.context.consumer_info(STREAM, "tests-fact")
    assert (info.num_ack_pending, info.num_redelivered) == (0, 0)
    await relay.stop()
