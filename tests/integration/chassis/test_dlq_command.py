"""`kerya dlq` on a dead letter of the real contract."""

import asyncio

import pytest

from deploy.local.cli import main
from kerya.user.v1.user_events_pb2 import SessionRevoked, UserUpdated
from services.chassis.clock import Clock
from services.chassis.cloudevent import Envelope
from services.chassis.consumer import Consumers, Delivery, Handlers, Reject
from services.chassis.contract import Contract
from services.chassis.database import Database
from services.chassis.deadletter import LetterGone, open_letter
from services.chassis.ids import new_id, to_typeid
from services.chassis.jetstream import JetStream
from services.chassis.outbox import Outbox
from services.chassis.relay import Relay
from tests.integration.chassis.stand import until


async def test_dlq_lists_shows_and_redrives(
    database: Database, jetstream: JetStream, nats_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contract = Contract.load()
    await jetstream.declare(contract, "kerya.user.v1")
    session = to_typeid("session", new_id())
    handled: list[str] = []
    healed = False

    async def handle(event: SessionRevoked, delivery: Delivery) -> None:
        if not healed:
            raise Reject("no such session")
        handled.append(event.session_id)

    async def kerya(*argv: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, ["dlq", "--nats", nats_url, *argv])
        return code, capsys.readouterr().out

    consumers = Consumers(jetstream, contract, "tests", [Handlers({SessionRevoked: handle})])
    relay = Relay(database, jetstream, "user")
    await consumers.start()
    await relay.start()
    async with database.write() as tx:
        await Outbox(lambda event: event, contract=contract, clock=Clock()).add(tx, SessionRevoked(session_id=session))

    async def listed() -> bool:
        return "no such session" in (await kerya("list"))[1]

    await until(listed, 20)
    assert "tests-user" in (await kerya("list", "--consumer", "tests-user"))[1]
    assert "tests-user" not in (await kerya("list", "--consumer", "others-user"))[1]
    code, shown = await kerya("show", "1")
    assert code == 0
    for expected in ("tests-user, 1 tries", "no such session", "kerya.user.v1.SessionRevoked", session):
        assert expected in shown

    healed = True
    assert (await kerya("redrive"))[0] == 2
    code, said = await kerya("redrive", "--consumer", "tests-user")
    assert (code, "1 is on its way to tests-user again" in said) == (0, True)

    async def done() -> bool:
        return handled == [session]

    await until(done)
    code, said = await kerya("show", "1")
    assert (code, "there is no dead letter 1" in said) == (1, True)
    await consumers.stop()
    await relay.stop()


async def test_a_shown_event_hides_personal_fields(jetstream: JetStream) -> None:
    contract = Contract.load()
    await jetstream.declare(contract, "kerya.user.v1")

    async def handle(event: UserUpdated, delivery: Delivery) -> None:
        raise Reject("no")

    consumers = Consumers(jetstream, contract, "tests", [Handlers({UserUpdated: handle})])
    await consumers.start()
    event = UserUpdated(user_id=to_typeid("user", new_id()), display_name="Amina")
    rule = contract.event_of(UserUpdated)
    envelope = Envelope(new_id(), rule.full_name, "//kerya/user", event.user_id, Clock().now())
    await jetstream.publish(rule.stream, rule.subject, event.SerializeToString(), envelope.headers())

    async def died() -> bool:
        try:
            return (await open_letter(jetstream, contract, 1)).letter.reason == "no"
        except LetterGone:
            return False

    await until(died)
    body = (await open_letter(jetstream, contract, 1)).body
    assert body == {"user_id": event.user_id, "display_name": "[redacted]"}
    await consumers.stop()
