"""Bad input: each kind a clear AIP-193 error, and nothing written."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.journeys.mesh import Json, Mesh, Person, book, day, listing, quote, refusal, register

JSON = {"content-type": "application/json"}


def stay(property_id: str, **changed: Any) -> Json:
    body = {"propertyId": property_id, "checkInDate": day(60), "checkOutDate": day(62), "guestCount": 2}
    return {**body, **changed}


@pytest.mark.parametrize(
    ("verb", "path", "content", "headers", "status", "reason"),
    [
        ("POST", "/v1/quotes", b'{"propertyId":', JSON, 400, "BODY_MALFORMED"),
        ("POST", "/v1/quotes", b'{"propertyName": "x"}', JSON, 400, "BODY_MALFORMED"),
        ("POST", "/v1/quotes", b'{"guestCount": "many"}', JSON, 400, "BODY_MALFORMED"),
        ("POST", "/v1/quotes", b'{"guestCount": 2147483648}', JSON, 400, "BODY_MALFORMED"),
        ("POST", "/v1/quotes", b'{"guestCount": 1, "guestCount": 2}', JSON, 400, "BODY_MALFORMED"),
        ("POST", "/v1/quotes", b'{"a":' * 2000 + b"1" + b"}" * 2000, JSON, 400, "BODY_MALFORMED"),
        (
            "POST",
            "/v1/quotes",
            b"a=1",
            {"content-type": "application/x-www-form-urlencoded"},
            415,
            "MEDIA_TYPE_UNSUPPORTED",
        ),
        ("POST", "/v1/quotes", b"{}", {**JSON, "content-encoding": "gzip"}, 415, "MEDIA_TYPE_UNSUPPORTED"),
        ("POST", "/v1/quotes?guestCount=2", b"{}", JSON, 400, "INVALID_REQUEST"),
        ("GET", "/v1/properties:search?colour=red", None, {}, 400, "INVALID_REQUEST"),
        ("GET", "/v1/properties:search?guestCount=lots", None, {}, 400, "INVALID_REQUEST"),
        ("GET", "/v1/nowhere", None, {}, 404, "ROUTE_NOT_FOUND"),
        ("PUT", "/v1/quotes", b"{}", JSON, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/properties/not-an-id", None, {}, 400, "INVALID_REQUEST"),
        ("GET", "/v1/properties:search?pageSize=-1", None, {}, 400, "INVALID_REQUEST"),
        ("GET", "/v1/properties:search?pageToken=nonsense", None, {}, 400, "PAGE_TOKEN_INVALID"),
    ],
)
def test_malformed_requests(
    mesh: Mesh, verb: str, path: str, content: bytes | None, headers: dict[str, str], status: int, reason: str
) -> None:
    response = mesh.http.request(verb, path, content=content, headers=headers)
    assert refusal(response)[::2] == (status, reason), response.text
    if status == 405:
        assert "POST" in response.headers["allow"]


def test_an_oversized_body_is_refused(mesh: Mesh) -> None:
    response = mesh.http.post("/v1/quotes", content=b'{"a":"' + b"x" * (2 << 20) + b'"}', headers=JSON)
    assert response.status_code == 413
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_a_body_that_contradicts_the_path_is_refused(mesh: Mesh, host: Person, property_id: str) -> None:
    other = listing(host)
    response = host.call("PATCH", f"/v1/properties/{property_id}", {"propertyId": other, "title": "Another title"})
    assert refusal(response)[0] == 400
    assert mesh.ask("GET", f"/v1/properties/{other}")["title"] == "Appartement F3 Hydra"


def _forged() -> dict[str, str]:
    key, now = Ed25519PrivateKey.generate(), int(time.time())
    claims = {"iss": "kerya", "aud": "kerya", "sub": "user_x", "roles": ["ADMIN"], "iat": now, "exp": now + 600}
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "typ": "at+jwt"}, claims)
    )
    return {
        "forged": jwt.encode(claims, key, "EdDSA", headers={"typ": "at+jwt", "kid": "k"}),
        "alg none": f"{unsigned}.",
        "hs256": jwt.encode(claims, "x" * 32, "HS256", headers={"typ": "at+jwt"}),
        "nonsense": "nonsense",
    }


@pytest.mark.parametrize("kind", ["forged", "alg none", "hs256", "nonsense"])
def test_bad_tokens_are_refused(mesh: Mesh, kind: str) -> None:
    response = mesh.call("GET", "/v1/users/me", token=_forged()[kind])
    assert response.status_code == 401
    assert response.json()["error"]["status"] == "UNAUTHENTICATED"


def test_a_token_ends_with_its_session(mesh: Mesh) -> None:
    person = register(mesh)
    person.ask("POST", "/v1/auth:logout", {})
    until = time.monotonic() + 10
    while (response := person.call("GET", "/v1/users/me")).is_success:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert refusal(response) == (401, "UNAUTHENTICATED", "TOKEN_REVOKED")


def test_another_users_booking_is_not_found(mesh: Mesh, client: Person, property_id: str) -> None:
    booking = book(client, property_id)
    stranger = register(mesh)
    for verb, path in (("GET", ""), ("POST", ":cancel"), ("POST", ":previewCancellation")):
        body = None if verb == "GET" else {}
        response = stranger.call(verb, f"/v1/bookings/{booking['bookingId']}{path}", body)
        assert refusal(response) == (404, "NOT_FOUND", "BOOKING_NOT_FOUND")


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"checkInDate": day(-3), "checkOutDate": day(2)}, 400, "PAST_DATES"),
        ({"checkInDate": day(62), "checkOutDate": day(60)}, 400, "DATES_REVERSED"),
        ({"guestCount": 0}, 400, "INVALID_REQUEST"),
        ({"guestCount": 10_000}, 400, "INVALID_REQUEST"),
        ({"guestCount": 900}, 400, "TOO_MANY_GUESTS"),
        ({"currencyCode": "EUR"}, 400, "CURRENCY_MISMATCH"),
        ({"checkInDate": {"year": 2027, "month": 2, "day": 30}}, 400, "INVALID_REQUEST"),
    ],
)
def test_impossible_stays(client: Person, property_id: str, changed: Json, status: int, reason: str) -> None:
    response = client.call("POST", "/v1/quotes", stay(property_id, **changed))
    assert refusal(response)[::2] == (status, reason), response.text


def test_a_negative_price_lists_nothing(host: Person) -> None:
    before = len(host.ask("GET", "/v1/properties?pageSize=100").get("properties", []))
    rates = {"nightlyPrice": {"currencyCode": "DZD", "units": "-5"}}
    response = host.call("POST", "/v1/properties", {"title": "Maison", "rates": rates})
    assert refusal(response)[::2] == (400, "INVALID_REQUEST")
    assert len(host.ask("GET", "/v1/properties?pageSize=100").get("properties", [])) == before


def test_a_tampered_quote_books_nothing(client: Person, property_id: str) -> None:
    token = quote(client, property_id)["quoteToken"]
    middle = len(token) // 2
    tampered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    response = client.call("POST", "/v1/bookings", {"quoteToken": tampered})
    assert refusal(response)[2] == "QUOTE_TAMPERED"
    assert book(client, property_id)["state"] == "HELD"


def test_a_page_token_belongs_to_its_query(mesh: Mesh, host: Person) -> None:
    for _ in range(2):
        listing(host)
    page = mesh.ask("GET", "/v1/properties:search?query=terrasse&pageSize=1")
    token = page["nextPageToken"]
    assert mesh.ask("GET", f"/v1/properties:search?query=terrasse&pageSize=1&pageToken={token}")["properties"]
    response = mesh.call("GET", f"/v1/properties:search?query=baie&pageSize=1&pageToken={token}")
    assert refusal(response)[::2] == (400, "PAGE_TOKEN_INVALID")


def test_a_write_without_an_idempotency_key_is_refused(mesh: Mesh, client: Person, property_id: str) -> None:
    body = {"quoteToken": quote(client, property_id)["quoteToken"]}
    bearer = {"authorization": f"Bearer {client.token}"}
    response = mesh.http.post("/v1/bookings", json=body, headers=bearer)
    assert refusal(response)[::2] == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_a_forged_webhook_changes_nothing(mesh: Mesh, client: Person, property_id: str) -> None:
    booking = book(client, property_id)
    event = {
        "id": "evt_forged",
        "type": "payment_intent.succeeded",
        "data": {"object": {"id": booking["payment"]["paymentIntentId"]}},
    }
    for header in ({}, {"stripe-signature": f"t={int(time.time())},v1={'0' * 64}"}):
        response = httpx.post(f"{mesh.url}/v1/webhooks/stripe", json=event, headers=header, verify=mesh.tls)
        assert response.status_code in (400, 401, 403), response.text
    assert client.ask("GET", f"/v1/bookings/{booking['bookingId']}")["state"] == "HELD"


def test_errors_speak_the_callers_language(mesh: Mesh) -> None:
    for language in ("ar", "fr", "en"):
        response = mesh.http.get("/v1/properties:search?colour=red", headers={"accept-language": language})
        localized = [d for d in response.json()["error"]["details"] if d["@type"].endswith("LocalizedMessage")]
        assert localized[0]["locale"] == language
