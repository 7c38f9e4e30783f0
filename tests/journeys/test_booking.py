"""The main job: from registration to the e-mails, over REST, gRPC and reflection, on the real mesh."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from kerya.booking.v1 import booking_pb2, booking_service_pb2, booking_service_pb2_grpc
from kerya.property.v1 import property_service_pb2, property_service_pb2_grpc
from tests.journeys.mesh import (
    Mesh,
    Person,
    book,
    confirmed,
    day,
    eventually,
    quote,
    refusal,
    register,
    state_of,
)

BUF = Path(sys.executable).parent / "buf"


def test_a_client_finds_books_and_pays_and_both_are_told(
    mesh: Mesh, host: Person, client: Person, property_id: str
) -> None:
    path = (
        "/v1/properties:search?query=terrasse&center.latitude=36.7&center.longitude=3.0&radiusMeters=30000&pageSize=100"
    )
    found = eventually(
        lambda: next((p for p in mesh.ask("GET", path)["properties"] if p["propertyId"] == property_id), None)
    )
    assert found["nightlyPrice"] == {"currencyCode": "DZD", "units": "8000"}
    booking = confirmed(client, property_id)
    booking_id = booking["bookingId"]
    assert mesh.mail(client.email, booking_id)["subject"] and mesh.mail(host.email, booking_id)["subject"]

    cancelled = client.ask("POST", f"/v1/bookings/{booking_id}:cancel", {})
    assert cancelled["state"] == "CANCELLED"
    total, refund = booking["total"], cancelled["cancellation"]["refund"]
    assert refund["currencyCode"] == total["currencyCode"] and int(refund["units"]) > 0
    eventually(lambda: _refunded(mesh, booking) or None)


def _refunded(mesh: Mesh, booking: dict[str, object]) -> bool:
    import httpx

    payment = booking["payment"]
    assert isinstance(payment, dict)
    shown = httpx.get(
        f"{mesh.sandbox}/stripe/v1/refunds",
        params={"payment_intent": payment["paymentIntentId"]},
        headers={"authorization": f"Bearer {(mesh.home / 'secrets' / 'stripe_api_key').read_text().strip()}"},
        timeout=10,
    )
    return shown.is_success and len(shown.json()["data"]) == 1


def test_two_clients_race_for_overlapping_nights(mesh: Mesh, client: Person, property_id: str) -> None:
    other = register(mesh)
    quotes = [quote(client, property_id, 60, 3), quote(other, property_id, 61, 3)]

    def create(person: Person, offer: dict[str, object]) -> object:
        return person.call("POST", "/v1/bookings", {"quoteToken": offer["quoteToken"]})

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(create, (client, other), quotes))
    won = [answer for answer in answers if answer.is_success]  # type: ignore[attr-defined]
    lost = [answer for answer in answers if not answer.is_success]  # type: ignore[attr-defined]
    assert len(won) == len(lost) == 1
    assert refusal(lost[0])[2] == "NIGHTS_TAKEN"  # type: ignore[arg-type]
    detail = next(d for d in lost[0].json()["error"]["details"] if "NightsTakenDetail" in d["@type"])  # type: ignore[attr-defined]
    assert detail["conflicts"] and 1 <= len(detail["alternatives"]) <= 3


def test_a_repeated_create_is_answered_byte_for_byte(client: Person, property_id: str) -> None:
    offer = {"quoteToken": quote(client, property_id)["quoteToken"]}
    first = client.call("POST", "/v1/bookings", offer, key="once-" + property_id)
    again = client.call("POST", "/v1/bookings", offer, key="once-" + property_id)
    assert first.is_success and first.content == again.content
    assert again.headers.get("idempotent-replayed") == "true"
    other = client.call("POST", "/v1/bookings", {**offer, "message": "x"}, key="once-" + property_id)
    assert refusal(other)[2] == "IDEMPOTENCY_KEY_REUSED"


def test_the_same_journey_with_generated_stubs_through_envoy(mesh: Mesh, client: Person, property_id: str) -> None:
    credentials = grpc.ssl_channel_credentials(mesh.authority.read_bytes())
    with grpc.secure_channel(f"localhost:{mesh.base + 443}", credentials) as channel:
        properties = property_service_pb2_grpc.PropertyServiceStub(channel)
        shown = properties.GetProperty(property_service_pb2.GetPropertyRequest(property_id=property_id), timeout=5)
        assert shown.title == "Appartement F3 Hydra"
        bookings = booking_service_pb2_grpc.BookingServiceStub(channel)
        bearer = ("authorization", f"Bearer {client.token}")
        request = booking_service_pb2.CreateQuoteRequest(property_id=property_id, guest_count=2)
        for field, offset in (("check_in_date", 70), ("check_out_date", 72)):
            for part, value in day(offset).items():
                setattr(getattr(request, field), part, value)
        offer = bookings.CreateQuote(request, timeout=5, metadata=[bearer])
        create = booking_service_pb2.CreateBookingRequest(quote_token=offer.quote_token)
        key = ("idempotency-key", "stub-" + property_id)
        booking = bookings.CreateBooking(create, timeout=10, metadata=[bearer, key])
        assert booking.state == booking_pb2.Booking.HELD
        paid = mesh.pay(
            {
                "paymentIntentId": booking.payment.payment_intent_id,
                "clientSecret": booking.payment.client_secret,
                "publishableKey": booking.payment.publishable_key,
            }
        )
        assert paid.is_success
        eventually(lambda: state_of(client, booking.booking_id) == "CONFIRMED" or None)


def test_buf_curl_lists_and_calls_by_reflection(mesh: Mesh, property_id: str) -> None:
    base = [str(BUF), "curl", "--cacert", str(mesh.authority), "--protocol", "grpc"]
    listed = subprocess.run([*base, "--list-methods", mesh.url], capture_output=True, text=True, timeout=30, check=True)
    assert "kerya.booking.v1.BookingService/CreateBooking" in listed.stdout
    body = json.dumps({"propertyId": property_id})
    method = f"{mesh.url}/kerya.property.v1.PropertyService/GetProperty"
    called = subprocess.run([*base, "-d", body, method], capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(called.stdout)["propertyId"] == property_id


def test_a_webhook_twice_and_a_late_payment_end_consistently(mesh: Mesh, client: Person, property_id: str) -> None:
    booking = book(client, property_id, 90)
    client.ask("POST", f"/v1/bookings/{booking['bookingId']}:cancel", {})
    # The hold is over, and the client pays all the same, or tries to: either the intent is cancelled, or all comes back.
    paid = mesh.pay(booking["payment"])
    if paid.is_success:
        eventually(lambda: _refunded(mesh, booking) or None)
    assert state_of(client, booking["bookingId"]) == "CANCELLED"
    assert book(client, property_id, 90)["state"] == "HELD"
