"""Webhooks: authentic, once, and whatever their order, one end."""

import asyncio
import copy
import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from kerya.booking.v1 import booking_pb2
from tests.integration.booking.stand import Refused, Stand, State, eventually, uuid_of


async def test_a_webhook_delivered_a_hundred_times_has_one_effect(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    event = await stand.sandbox.pay(booking)
    await asyncio.gather(*(stand.deliver(event) for _ in range(20)))
    for _ in range(80):
        await stand.deliver(event)
    assert (await stand.get(client, booking)).state == State.CONFIRMED
    assert await stand.events(booking.booking_id) == ["booking.held", "booking.confirmed"]
    assert await stand.events(booking.payment.payment_id) == ["payment.succeeded"]
    assert (await stand.ledger(booking))["ESCROW"] == 1_760_000


async def test_a_webhook_before_the_answer_confirms(stand: Stand) -> None:
    async def pay_at_once(intent: Any) -> None:
        await stand.sandbox.stripe("POST", f"payment_intents/{intent.intent_id}/confirm", payment_method="pm_card_visa")
        await stand.deliver(await stand.sandbox.event("payment_intent.succeeded", intent.intent_id))

    stand.provider.around["after open"] = pay_at_once
    client = stand.person()
    booking = await stand.held(client)
    assert (booking.state, booking.payment.state) == (State.CONFIRMED, booking_pb2.Payment.SUCCEEDED)
    assert booking.payment.client_secret == ""
    assert await stand.events(booking.booking_id) == ["booking.held", "booking.confirmed"]


async def test_paid_after_the_hold_expired_is_refunded_and_both_are_told(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    event = await stand.sandbox.pay(booking)
    await stand.set_back(booking, hold_expires_at=timedelta(seconds=1))
    await expired(stand, client, booking)
    await stand.deliver(event)
    await refunded(stand, client, booking)
    assert await stand.events(booking.booking_id) == ["booking.held", "booking.expired"]
    assert await stand.events(booking.payment.payment_id) == ["payment.succeeded", "payment.refunded"]
    assert await stand.nights(booking.property_id) == []
    assert [found["amount"] for found in await stand.sandbox.refunds(booking)] == [1_760_000]
    assert await stand.ledger(booking) == {"CLIENT": 0, "ESCROW": 0}
    # The same event again, and the refund's own: nothing more happens.
    await stand.deliver(event)
    for told in await stand.sandbox.events("refund.created"):
        await stand.deliver(told)
    assert len(await stand.sandbox.refunds(booking)) == 1
    assert await stand.events(booking.payment.payment_id) == ["payment.succeeded", "payment.refunded"]


async def test_paid_late_with_its_webhook_lost_is_found_and_refunded(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    await stand.sandbox.pay(booking)
    await stand.set_back(booking, hold_expires_at=timedelta(seconds=1))
    # Nothing is delivered: the provider itself, told to give the payment up, says that it was paid.
    await refunded(stand, client, booking)
    assert [found["amount"] for found in await stand.sandbox.refunds(booking)] == [1_760_000]
    assert await stand.ledger(booking) == {"CLIENT": 0, "ESCROW": 0}


async def test_the_nights_of_a_late_payer_are_the_next_ones(stand: Stand) -> None:
    late, quick, property_id = stand.person(), stand.person(), stand.property()
    booking = await stand.held(late, property_id)
    event = await stand.sandbox.pay(booking)
    await stand.set_back(booking, hold_expires_at=timedelta(seconds=1))
    await expired(stand, late, booking)
    other = await stand.confirmed(quick, property_id)
    await stand.deliver(event)
    await refunded(stand, late, booking)
    assert {holder for _, _, holder in await stand.nights(property_id)} == {other.booking_id}
    assert (await stand.get(quick, other)).state == State.CONFIRMED


async def test_order_does_not_change_the_end(stand: Stand) -> None:
    client = stand.person()
    ends = []
    for reverse in (False, True):
        booking = await stand.held(client)
        paid = await stand.sandbox.pay(booking)
        given_up = copy.deepcopy(paid) | {"id": f"evt_{uuid4().hex}", "type": "payment_intent.canceled"}
        for event in (given_up, paid) if reverse else (paid, given_up):
            await stand.deliver(event)
        found = await stand.get(client, booking)
        ends.append((found.state, found.payment.state, await stand.ledger(booking)))
    assert ends[0] == ends[1]
    assert ends[0][0] == State.CONFIRMED


def forgeries(stand: Stand, payload: bytes) -> list[tuple[bytes, str]]:
    now = int(time.time())
    good = stand.sign(payload, now)
    digest = good.partition("v1=")[2]
    return [
        (payload, ""),
        (payload, "t=,v1="),
        (payload, "nonsense"),
        (payload, f"t={now}"),
        (payload, f"v1={digest}"),
        (payload, f"t={now},v0={digest}"),
        (payload, f"t={now + 1},v1={digest}"),
        (payload, f"t={now},v1={digest[:-1]}0" if digest[-1] != "0" else f"t={now},v1={digest[:-1]}1"),
        (payload, stand.sign(payload, now, "whsec_of_somebody_else")),
        (payload, stand.sign(payload, now - 301)),
        (payload, stand.sign(payload, now + 600)),
        (payload.replace(b"succeeded", b"succeedes"), good),
        (payload + b" ", good),
        (b"\xff\xfe" + payload, good),
    ]


async def test_forged_webhooks_are_refused_and_leave_no_trace(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    payload = json.dumps(await stand.sandbox.pay(booking)).encode()
    before = await stand.count("provider_event")
    for number, (body, signature) in enumerate(forgeries(stand, payload)):
        with pytest.raises(Refused) as refused:
            await stand.deliver_raw(body, signature or "-")
        assert (number, refused.value.code, refused.value.reason) == (
            number,
            "INVALID_ARGUMENT",
            "WEBHOOK_SIGNATURE_INVALID",
        )
    assert await stand.count("provider_event") == before
    assert (await stand.get(client, booking)).state == State.HELD


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b"{", b'{"id": "evt_1"}', b'{"id": 1, "type": "x", "data": {"object": {}}}', b'"\\ud800"'],
)
async def test_a_signed_body_that_is_no_event_is_refused(stand: Stand, body: bytes) -> None:
    before = await stand.count("provider_event")
    with pytest.raises(Refused) as refused:
        await stand.deliver_raw(body)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "WEBHOOK_MALFORMED")
    assert await stand.count("provider_event") == before


async def test_old_events_are_forgotten_unless_somebody_should_look_at_them(stand: Stand) -> None:
    rows = {"old": (91, ""), "young": (89, ""), "doubtful": (91, "paid too little"), "without effect": (None, "")}
    for name, (days, problem) in rows.items():
        await stand.database.execute(
            "INSERT INTO provider_event (event_id, type, kind, intent_id, received_at, applied_at, attempts, problem)"
            " VALUES ($1, 'x', 'OTHER', '', now() - interval '91 days', now() - $2 * interval '1 day', 20, $3)",
            name,
            days,
            problem,
        )
    await stand.jobs["forget-provider-events"]()
    left = await stand.database.fetch("SELECT event_id FROM provider_event WHERE event_id = ANY($1)", list(rows))
    assert {row["event_id"] for row in left} == {"young", "doubtful", "without effect"}


async def test_an_event_of_somebody_elses_payment_changes_nothing(stand: Stand) -> None:
    booking = await stand.held(stand.person())
    event = await stand.sandbox.pay(booking)
    for metadata in ({}, {"payment_id": "payment_nonsense"}, {"payment_id": booking.booking_id}):
        stranger = copy.deepcopy(event)
        stranger["id"] = f"evt_{uuid4().hex}"
        stranger["data"]["object"] |= {"id": f"pi_{uuid4().hex}", "metadata": metadata}
        await stand.deliver(stranger)
    assert await stand.events(booking.booking_id) == ["booking.held"]


@pytest.mark.parametrize("change", [{"amount_received": 1}, {"currency": "eur"}, {"id": "pi_another"}])
async def test_another_amount_currency_or_intent_does_not_confirm(stand: Stand, change: dict[str, Any]) -> None:
    client = stand.person()
    booking = await stand.held(client)
    event = await stand.sandbox.pay(booking)
    event["data"]["object"] |= change
    await stand.deliver(event)
    assert (await stand.get(client, booking)).state == State.HELD
    problem = await stand.database.fetchval("SELECT problem FROM provider_event WHERE event_id = $1", event["id"])
    assert problem


async def test_a_webhook_is_answered_while_its_booking_is_busy(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    event = await stand.sandbox.pay(booking)
    async with stand.database.acquire() as busy, busy.transaction():
        await busy.execute("SELECT FROM booking WHERE booking_id = $1 FOR UPDATE", uuid_of(booking.booking_id))
        began = time.monotonic()
        await stand.deliver(event, wait=False)
        assert time.monotonic() - began < 1.0
        await asyncio.sleep(0.3)

    async def confirmed() -> bool:
        return (await stand.get(client, booking)).state == State.CONFIRMED

    await eventually(confirmed, "the kept event has its effect")


async def expired(stand: Stand, client: Any, booking: booking_pb2.Booking) -> None:
    async def holds() -> bool:
        return (await stand.get(client, booking)).state == State.EXPIRED

    await eventually(holds, "the hold expires")


async def refunded(stand: Stand, client: Any, booking: booking_pb2.Booking) -> None:
    async def holds() -> bool:
        found = await stand.get(client, booking)
        return found.state == State.EXPIRED and found.payment.refunded == booking.total

    await eventually(holds, "the late payment is refunded", 20)
