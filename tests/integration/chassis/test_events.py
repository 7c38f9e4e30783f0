"""From a committed row to a committed effect."""

from services.chassis.consumer import Consumers, Handlers
from services.chassis.relay import Relay
from tests.integration.chassis.facts import SUBJECT, Fact, contract
from tests.integration.chassis.stand import Bench, Effects, until


async def test_a_committed_event_has_its_effect(bench: Bench) -> None:
    relay = Relay(bench.database, bench.jetstream, "facts")
    handler = Effects(bench.database)
    consumers = Consumers(bench.jetstream, contract(), "tests", [Handlers({Fact: handler})])
    await relay.start()
    await consumers.start()
    await bench.write(Fact(thing_id="a", number=1), Fact(thing_id="b", number=2))

    async def both() -> bool:
        return len(await bench.effects()) == 2

    await until(both)
    assert sorted(await bench.effects()) == [("a", 1), ("b", 2)]
    assert {(delivery.subject, delivery.attempt) for delivery in handler.deliveries} == {(SUBJECT, 1)}
    await consumers.stop()
    await relay.stop()
