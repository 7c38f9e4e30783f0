"""From a quote to a confirmed booking, and everything that is refused on the way."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kerya.booking.v1 import booking_pb2, booking_service_pb2
from services.booking.domain.quote import read, sign
from services.chassis.ids import new_id, to_typeid
from tests.integration.booking.stand import Refused, Stand, State, day, minor


async def test_a_client_quotes_books_pays_and_is_confirmed(stand: Stand) -> None:
    client, property_id = stand.person(), stand.property()
    quote = await stand.quote(property_id, nights=3)
    assert [minor(night.price) for night in quote.nights] == [500_000] * 3
    assert {booking_pb2.Fee.Kind.Name(fee.kind): minor(fee.amount) for fee in quote.fees} == {
        "CLEANING": 100_000,
        "SERVICE": 160_000,
    }
    assert minor(quote.total) == 1_760_000

    held = await stand.book(client, quote)
    assert held.state == State.HELD
    assert held.payment.client_secret.startswith(f"{held.payment.payment_intent_id}_secret_")
    assert held.payment.publishable_key
    assert held.payment.amount == held.total == quote.total
    assert held.hold_expire_time.seconds - held.create_time.seconds == 15 * 60
    assert [(kind, booking) for _, kind, booking in await stand.nights(property_id)] == [("HOLD", held.booking_id)] * 3
    intent = await stand.sandbox.intent(held.payment.payment_intent_id)
    assert (intent["amount"], intent["currency"]) == (1_760_000, "dzd")

    await stand.deliver(await stand.sandbox.pay(held))
    confirmed = await stand.get(client, held)
    assert (confirmed.state, confirmed.payment.state) == (State.CONFIRMED, booking_pb2.Payment.SUCCEEDED)
    assert confirmed.payment.client_secret == ""
    assert {kind for _, kind, _ in await stand.nights(property_id)} == {"BOOKING"}
    assert await stand.ledger(held) == {"CLIENT": -1_760_000, "ESCROW": 1_760_000}
    assert await stand.events(held.booking_id, property_id, held.payment.payment_id) == [
        "booking.held",
        "calendar.nights_taken",
        "payment.succeeded",
        "booking.confirmed",
    ]


@pytest.mark.parametrize(
    ("stay", "reason"),
    [
        ({"first": -1}, "PAST_DATES"),
        ({"nights": 0}, "DATES_REVERSED"),
        ({"nights": -2}, "DATES_REVERSED"),
        ({"first": 729}, "TOO_FAR_AHEAD"),
        ({"nights": 61}, "MAX_NIGHTS"),
        ({"nights": 400}, "MAX_NIGHTS"),
        ({"guests": 0}, "INVALID_REQUEST"),
        ({"guests": 5}, "TOO_MANY_GUESTS"),
        ({"guests": 10_000}, "INVALID_REQUEST"),
        ({"currency": "EUR"}, "CURRENCY_MISMATCH"),
        ({"currency": "dzd"}, "INVALID_REQUEST"),
    ],
)
async def test_a_stay_that_cannot_be_is_refused(stand: Stand, stay: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        await stand.quote(stand.property(), **stay)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", reason)


async def test_a_day_that_does_not_exist_is_refused(stand: Stand) -> None:
    request = booking_service_pb2.CreateQuoteRequest(property_id=stand.property(), guest_count=1)
    request.check_in_date.CopyFrom(day(3))
    for year, month, number in ((2031, 2, 30), (0, 5, 1), (2031, 5, 0)):
        request.check_out_date.year, request.check_out_date.month, request.check_out_date.day = year, month, number
        with pytest.raises(Refused) as refused:
            await stand.call(stand.bookings.CreateQuote, request)
        assert refused.value.reason == "INVALID_REQUEST"


async def test_a_property_that_is_not_published_is_not_there(stand: Stand) -> None:
    with pytest.raises(Refused) as refused:
        await stand.quote(to_typeid("property", new_id()))
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "PROPERTY_NOT_FOUND")


async def test_only_a_live_quote_of_ours_is_booked(stand: Stand) -> None:
    client, quote = stand.person(), await stand.quote(stand.property())
    key = bytes.fromhex((stand.secrets / "quote.key").read_text())
    found = read(quote.quote_token, key)
    raw = base64.urlsafe_b64decode(quote.quote_token + "=" * (-len(quote.quote_token) % 4))
    cheaper = raw[:32] + json.dumps({**json.loads(raw[32:]), "nights": [1, 1, 1]}).encode()
    stale = sign(_ended(found), key)
    before = await stand.count("booking")
    for token, code, reason in (
        (base64.urlsafe_b64encode(cheaper).rstrip(b"=").decode(), "INVALID_ARGUMENT", "QUOTE_TAMPERED"),
        ("no quote at all", "INVALID_ARGUMENT", "QUOTE_TAMPERED"),
        (sign(found, bytes(32)), "INVALID_ARGUMENT", "QUOTE_TAMPERED"),
        (stale, "ABORTED", "QUOTE_EXPIRED"),
    ):
        with pytest.raises(Refused) as refused:
            await stand.call(
                stand.bookings.CreateBooking, booking_service_pb2.CreateBookingRequest(quote_token=token), client
            )
        assert (refused.value.code, refused.value.reason) == (code, reason)
    assert await stand.count("booking") == before
    assert await stand.nights(quote.property_id) == []


def _ended(quote: Any) -> Any:
    return replace(quote, expires_at=datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1))


async def test_a_host_does_not_book_the_own_property(stand: Stand) -> None:
    host = stand.person("CLIENT", "HOST")
    quote = await stand.quote(stand.property(host))
    with pytest.raises(Refused) as refused:
        await stand.book(host, quote)
    assert refused.value.reason == "OWN_PROPERTY"
    assert await stand.nights(quote.property_id) == []


async def test_nobody_without_a_token_books(stand: Stand) -> None:
    quote = await stand.quote(stand.property())
    request = booking_service_pb2.CreateBookingRequest(quote_token=quote.quote_token)
    with pytest.raises(Refused) as refused:
        await stand.call(stand.bookings.CreateBooking, request)
    assert (refused.value.code, refused.value.reason) == ("UNAUTHENTICATED", "TOKEN_MISSING")


async def test_one_client_does_not_hold_the_whole_town(stand: Stand) -> None:
    hoarder = stand.person()
    for _ in range(stand.settings.max_open_holds):
        last = await stand.held(hoarder)
    with pytest.raises(Refused) as refused:
        await stand.held(hoarder)
    assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "TOO_MANY_HOLDS")
    await stand.cancel(hoarder, last)
    assert (await stand.held(hoarder)).state == State.HELD


async def test_another_users_booking_is_not_there(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    booking = await stand.held(client, stand.property(host))
    preview = booking_service_pb2.PreviewCancellationRequest(booking_id=booking.booking_id)
    for stranger in (stand.person(), stand.person("HOST")):
        for attempt in (
            stand.get(stranger, booking),
            stand.cancel(stranger, booking),
            stand.call(stand.bookings.PreviewCancellation, preview, stranger),
        ):
            with pytest.raises(Refused) as refused:
                await attempt
            assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "BOOKING_NOT_FOUND")
    assert (await stand.get(client, booking)).state == State.HELD


async def test_what_is_needed_to_pay_is_for_the_client_alone(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    booking = await stand.held(client, stand.property(host))
    assert (await stand.get(client, booking)).payment.client_secret == booking.payment.client_secret
    assert (await stand.get(host, booking)).payment.client_secret == ""
    stored = await stand.database.fetchval(
        "SELECT client_secret FROM payment WHERE intent_id = $1", booking.payment.payment_intent_id
    )
    assert booking.payment.client_secret.encode() not in stored


async def test_lists_go_page_by_page_for_both_sides(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    property_id = stand.property(host)
    made = [(await stand.held(client, property_id, first=10 * n, nights=2)).booking_id for n in range(1, 6)]
    for who, side in ((client, "CLIENT"), (host, "HOST")):
        request = booking_service_pb2.ListBookingsRequest(side=side, page_size=2)
        seen = []
        while True:
            page = await stand.call(stand.bookings.ListBookings, request, who)
            seen += [booking.booking_id for booking in page.bookings]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert seen == made[::-1]
    request = booking_service_pb2.ListBookingsRequest(side="CLIENT", state=State.CONFIRMED)
    assert not (await stand.call(stand.bookings.ListBookings, request, client)).bookings


async def test_a_page_token_is_good_for_its_query_and_caller_only(stand: Stand) -> None:
    client = stand.person()
    property_id = stand.property()
    for n in (1, 2):
        await stand.held(client, property_id, first=10 * n, nights=2)
    request = booking_service_pb2.ListBookingsRequest(side="CLIENT", page_size=1)
    request.page_token = (await stand.call(stand.bookings.ListBookings, request, client)).next_page_token
    for who, changes in ((stand.person(), {}), (client, {"state": State.HELD})):
        foreign = booking_service_pb2.ListBookingsRequest(
            side="CLIENT", page_size=1, page_token=request.page_token, **changes
        )
        with pytest.raises(Refused) as refused:
            await stand.call(stand.bookings.ListBookings, foreign, who)
        assert refused.value.reason == "PAGE_TOKEN_INVALID"


async def test_rpcs_of_a_later_day_say_so(stand: Stand) -> None:
    request = booking_service_pb2.AcceptBookingRequest(booking_id=to_typeid("booking", new_id()))
    with pytest.raises(Refused) as refused:
        await stand.call(stand.bookings.AcceptBooking, request, stand.person("HOST"))
    assert refused.value.code == "UNIMPLEMENTED"
