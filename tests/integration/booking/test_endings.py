"""Cancellations, refunds, and what time does by itself."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.type import money_pb2

from kerya.booking.v1 import booking_pb2, booking_service_pb2
from kerya.property.v1 import property_pb2
from tests.integration.booking.stand import Person, Refused, Stand, State, die, eventually, minor, uuid_of

# Three nights of 5,000.00, cleaning 1,000.00, service 1,600.00.
PAID = 1_760_000


async def back(stand: Stand, who: Person, booking: booking_pb2.Booking, amount: int) -> None:
    async def holds() -> bool:
        return minor((await stand.get(who, booking)).payment.refunded) == amount

    await eventually(holds, f"{amount} minor units are back", 20)


async def preview(stand: Stand, who: Person, booking: booking_pb2.Booking) -> booking_pb2.CancellationPreview:
    request = booking_service_pb2.PreviewCancellationRequest(booking_id=booking.booking_id)
    return await stand.call(stand.bookings.PreviewCancellation, request, who)


async def test_a_client_cancels_in_time_and_gets_everything_back(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.confirmed(client)
    seen = await preview(stand, client, booking)
    cancelled = await stand.cancel(client, booking, etag=booking.etag)
    assert cancelled.state == State.CANCELLED
    assert cancelled.cancellation.cancelled_by == booking_pb2.Cancellation.CLIENT
    assert (cancelled.cancellation.refund, cancelled.cancellation.kept) == (seen.refund, seen.kept)
    assert minor(cancelled.cancellation.refund) == PAID
    assert await stand.nights(booking.property_id) == []
    await back(stand, client, booking, PAID)
    assert await stand.ledger(booking) == {"CLIENT": 0, "ESCROW": 0}
    assert await stand.events(booking.booking_id) == ["booking.held", "booking.confirmed", "booking.cancelled"]
    assert await stand.events(booking.payment.payment_id) == ["payment.succeeded", "payment.refunded"]
    assert [found["amount"] for found in await stand.sandbox.refunds(booking)] == [PAID]


async def test_a_client_cancels_late_and_host_and_marketplace_keep_their_parts(stand: Stand) -> None:
    client = stand.person()
    property_id = stand.property(cancellation_policy=property_pb2.Property.STRICT)
    booking = await stand.confirmed(client, property_id, first=3)
    seen = await preview(stand, client, booking)
    # Three days before: nothing of the nights, the cleaning was not done.
    assert (minor(seen.refund), minor(seen.kept)) == (100_000, PAID - 100_000)
    assert (minor(seen.host_part), minor(seen.platform_part)) == (1_500_000 - 45_000, 160_000 + 45_000)
    await stand.cancel(client, booking)
    await back(stand, client, booking, 100_000)
    assert await stand.ledger(booking) == {
        "CLIENT": -(PAID - 100_000),
        "ESCROW": 0,
        "HOST": 1_455_000,
        "PLATFORM": 205_000,
    }


async def test_a_host_cancels_and_the_client_gets_everything_back(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    property_id = stand.property(host, cancellation_policy=property_pb2.Property.STRICT)
    booking = await stand.confirmed(client, property_id, first=1)
    cancelled = await stand.cancel(host, booking)
    assert cancelled.cancellation.cancelled_by == booking_pb2.Cancellation.HOST
    await back(stand, client, booking, PAID)


async def test_an_unpaid_hold_is_cancelled_and_can_no_longer_be_paid(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    cancelled = await stand.cancel(client, booking)
    assert (cancelled.state, cancelled.payment.state) == (State.CANCELLED, booking_pb2.Payment.CANCELLED)
    assert minor(cancelled.cancellation.refund) == minor(cancelled.cancellation.kept) == 0

    async def voided() -> bool:
        return (await stand.sandbox.intent(booking.payment.payment_intent_id))["status"] == "canceled"

    await eventually(voided, "the provider gave the payment up")


async def test_a_booking_is_cancelled_once_however_many_ask(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.confirmed(client)
    results = await asyncio.gather(*(stand.cancel(client, booking) for _ in range(8)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 7
    assert {(r.code, r.reason, r.metadata["state"]) for r in refused} == {
        ("FAILED_PRECONDITION", "BOOKING_STATE", "CANCELLED")
    }
    await back(stand, client, booking, PAID)
    assert len(await stand.sandbox.refunds(booking)) == 1


async def test_cancelling_what_was_not_seen_is_refused(stand: Stand) -> None:
    client = stand.person()
    held = await stand.held(client)
    await stand.deliver(await stand.sandbox.pay(held))
    with pytest.raises(Refused) as refused:
        await stand.cancel(client, held, etag=held.etag)
    assert (refused.value.code, refused.value.reason) == ("ABORTED", "ETAG_MISMATCH")
    assert (await stand.get(client, held)).state == State.CONFIRMED


@pytest.mark.parametrize("moment", ["before refund", "after refund"])
async def test_a_refund_is_sent_once_wherever_the_sender_dies(stand: Stand, moment: str) -> None:
    client = stand.person()
    booking = await stand.confirmed(client)
    died = asyncio.Event()

    async def dies(about: Any) -> None:
        died.set()
        await die(about)

    stand.provider.around[moment] = dies
    await stand.cancel(client, booking)
    await asyncio.wait_for(died.wait(), 8)
    assert minor((await stand.get(client, booking)).payment.refunded) == 0
    stand.provider.around.clear()
    await back(stand, client, booking, PAID)
    assert len(await stand.sandbox.refunds(booking)) == 1
    assert await stand.events(booking.payment.payment_id) == ["payment.succeeded", "payment.refunded"]


async def test_a_refund_waits_for_a_provider_that_fails(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.confirmed(client)
    await stand.sandbox.knob(provider="stripe", operation="refunds.create", fail=2, status=503)
    await stand.cancel(client, booking)
    await back(stand, client, booking, PAID)
    assert len(await stand.sandbox.refunds(booking)) == 1


async def test_a_hold_that_is_not_paid_ends_in_time(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    await stand.set_back(booking, hold_expires_at=timedelta(0))

    async def expired() -> bool:
        return (await stand.get(client, booking)).state == State.EXPIRED

    await eventually(expired, "the hold ends within five seconds", 5)
    assert await stand.nights(booking.property_id) == []
    assert await stand.events(booking.booking_id, booking.property_id) == [
        "booking.held",
        "calendar.nights_taken",
        "booking.expired",
        "calendar.nights_released",
    ]

    async def voided() -> bool:
        return (await stand.sandbox.intent(booking.payment.payment_intent_id))["status"] == "canceled"

    await eventually(voided, "the provider gave the payment up")
    assert (await stand.held(stand.person(), booking.property_id)).state == State.HELD


async def test_a_hold_whose_payment_was_never_opened_leaves_nothing_to_pay(stand: Stand) -> None:
    client = stand.person()
    quote = await stand.quote(stand.property())
    stand.provider.around["after open"] = die
    with pytest.raises(Refused):
        await stand.book(client, quote)
    stand.provider.around.clear()
    found = await stand.database.fetchrow(
        "SELECT booking_id, payment_id FROM booking WHERE quote_id = $1", uuid_of(quote.quote_id)
    )
    await stand.database.execute(
        "UPDATE booking SET hold_expires_at = now() WHERE booking_id = $1", found["booking_id"]
    )

    async def void() -> bool:
        query = "SELECT state FROM payment WHERE payment_id = $1"
        return bool(await stand.database.fetchval(query, found["payment_id"]) == "VOID")

    await eventually(void, "the payment nobody heard of is void", 10)
    intent_id = await stand.database.fetchval(
        "SELECT intent_id FROM payment WHERE payment_id = $1", found["payment_id"]
    )
    assert (await stand.sandbox.intent(intent_id))["status"] == "canceled"


async def test_a_payment_that_was_opened_is_not_void_because_the_provider_does_not_find_it(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.held(client)
    payment_id, intent_id = uuid_of(booking.payment.payment_id), booking.payment.payment_intent_id

    async def payment(column: str) -> Any:
        return await stand.database.fetchval(f"SELECT {column} FROM payment WHERE payment_id = $1", payment_id)

    async def known_as(name: str) -> None:
        # Not found once, it is left alone for seconds.
        statement = "UPDATE payment SET intent_id = $2, next_attempt_at = now() WHERE payment_id = $1"
        await stand.database.execute(statement, payment_id, name)

    async def asked() -> bool:
        return bool(await payment("attempts") >= 2)

    async def voided() -> bool:
        return bool(await payment("state") == "VOID")

    await known_as("pi_of_another_account")
    await stand.cancel(client, booking)
    await eventually(asked, "the provider was asked, and asked again", 15)
    assert await payment("state") == "VOIDING"
    assert (await stand.sandbox.intent(intent_id))["status"] == "requires_payment_method"
    await known_as(intent_id)
    await eventually(voided, "the payment is void")
    assert (await stand.sandbox.intent(intent_id))["status"] == "canceled"


async def test_a_stay_that_is_over_is_earned_and_can_no_longer_be_cancelled(stand: Stand) -> None:
    client = stand.person()
    booking = await stand.confirmed(client)
    await stand.database.execute(
        "UPDATE booking SET check_in = current_date - 4, check_out = current_date - 1, ends_at = now() - interval '1 h'"
        " WHERE booking_id = $1",
        uuid_of(booking.booking_id),
    )
    with pytest.raises(Refused) as refused:
        await stand.cancel(client, booking)
    assert refused.value.reason == "BOOKING_STATE"
    await stand.jobs["complete-stays"]()
    assert (await stand.get(client, booking)).state == State.COMPLETED
    assert await stand.ledger(booking) == {"CLIENT": -PAID, "ESCROW": 0, "HOST": 1_552_000, "PLATFORM": 208_000}
    assert (await stand.events(booking.booking_id))[-1] == "booking.completed"
    with pytest.raises(Refused):
        await stand.cancel(client, booking)


async def test_the_ledger_takes_no_change_and_no_transfer_that_does_not_balance(stand: Stand) -> None:
    booking = await stand.confirmed(stand.person())
    for statement in (
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "INSERT INTO ledger_entry (source, source_id, line, booking_id, account, amount_minor, currency)"
        f" VALUES ('forged', gen_random_uuid(), 0, '{uuid_of(booking.booking_id)}', 'HOST', 1, 'DZD')",
    ):
        with pytest.raises(Exception, match=r"append-only|sum to zero"):
            await stand.database.execute(statement)
    assert await stand.database.fetchval("SELECT sum(amount_minor) FROM ledger_entry") == 0


async def test_a_payment_that_the_provider_refuses_holds_no_nights(stand: Stand) -> None:
    client = stand.person()
    palace = money_pb2.Money(currency_code="DZD", units=900_000)
    quote = await stand.quote(stand.property(nightly_price=palace, weekend_price=palace))
    with pytest.raises(Refused) as refused:
        await stand.book(client, quote)
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "PAYMENT_REFUSED")
    assert refused.value.metadata == {"provider_code": "amount_too_large"}
    assert await stand.nights(quote.property_id) == []

    async def void() -> bool:
        query = "SELECT payment.state FROM payment JOIN booking USING (payment_id) WHERE quote_id = $1"
        return bool(await stand.database.fetchval(query, uuid_of(quote.quote_id)) == "VOID")

    await eventually(void, "the payment that never was is void", 10)
