"""What people say in confidence stays there (P25): a canary in every personal field the contract knows, through answers
and refusals alike, and then a search of everything that the mesh wrote."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import httpx
import pytest
import redis
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from kerya.contract.v1 import contract_pb2
from services.chassis.contract import Contract
from services.chassis.messages import message_class
from tests.chaos.records import everywhere, messages, rows
from tests.journeys.mesh import Mesh, Person, eventually, quote, state_of
from tests.journeys.test_telemetry import WRITTEN_WITHIN, log_lines

CONTRACT = Contract.load()
REDACTED, ENCRYPTED, SECRET = contract_pb2.REDACTED, contract_pb2.ENCRYPTED, contract_pb2.SECRET
METRICS = {
    201: "/metrics",
    202: "/metrics",
    203: "/metrics",
    204: "/metrics",
    290: "/metrics",
    1902: "/stats/prometheus",
}


@dataclass
class Canaries:
    """Values that nobody else would use, by the personal field that carries each: (message or place, field, mark)."""

    by_value: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def of(self, place: str, name: str, mark: int, shape: str = "{}") -> str:
        """A new one, in a shape that passes validation; what is searched for is the part of ours."""
        value = f"kanari{uuid4().hex[:12]}"
        self.by_value[value] = (place, name, mark)
        return shape.format(value)

    def keep(self, value: str, place: str, name: str, mark: int) -> str:
        """One that the mesh itself made: a token, a key."""
        assert len(value) > 8, (place, name)
        self.by_value[value] = (place, name, mark)
        return value

    def found_in(self, haystack: bytes, *marks: int) -> Iterator[tuple[str, str, str]]:
        """(place, field, where in the haystack) of those that are there, plain or as PostgreSQL shows bytes."""
        for value, (place, name, mark) in self.by_value.items():
            for needle in (value.encode(), value.encode().hex().encode()):
                at = haystack.find(needle) if not marks or mark in marks else -1
                if at >= 0:
                    yield place, name, haystack[max(0, at - 200) : at + 40].decode(errors="replace")


def filled(method_input: str, canaries: Canaries) -> Message:
    """A request whose every personal text is a canary; nothing else is set."""
    request = message_class(method_input)()
    _fill(request, canaries, depth=4)
    return request


def _fill(message: Message, canaries: Canaries, depth: int) -> None:
    personal = CONTRACT.personal.get(message.DESCRIPTOR.full_name, {})
    for each in message.DESCRIPTOR.fields:
        if each.name in personal and each.type == FieldDescriptor.TYPE_STRING and not each.is_repeated:
            mark = personal[each.name]
            setattr(message, each.name, canaries.of(message.DESCRIPTOR.full_name, each.name, mark, _shape(each.name)))
        elif each.message_type is not None and not each.is_repeated and depth and _leads_to_people(each.message_type):
            _fill(getattr(message, each.name), canaries, depth - 1)


def _leads_to_people(described: Any) -> bool:
    if described.full_name in CONTRACT.personal:
        return True
    return any(f.message_type is not None and f.message_type.full_name in CONTRACT.personal for f in described.fields)


def _shape(name: str) -> str:
    return {"email": "{}@example.com", "new_email": "{}@example.com", "url": "https://{}.example.com/c.ics"}.get(
        name, "{}"
    )


@pytest.fixture(scope="module")
def canaries(mesh: Mesh) -> Canaries:
    """All of them, once they have been through the mesh."""
    made = Canaries()
    host, client = _person(mesh, made, "HOST"), _person(mesh, made)
    property_id = _listing(host, made)
    _bookings(client, host, property_id, made)
    _confidences(client, made)
    _refusals(mesh, client, made)
    _every_request(mesh, host, made)
    return made


def _person(mesh: Mesh, made: Canaries, *roles: str) -> Person:
    kind, shape = "kerya.user.v1.RegisterRequest", "{}@example.com"
    email = made.of(kind, "email", ENCRYPTED, shape)
    password = made.of(kind, "password", SECRET)
    names = {name: made.of(kind, name, REDACTED) for name in ("display_name", "given_name", "family_name")}
    mesh.ask("POST", "/v1/auth:register", {"email": email, "password": password, **_camel(names), "roles": list(roles)})
    token = re.search(r"token=([\w-]+)", mesh.mail(email, "token=")["text"])
    assert token is not None
    mesh.ask("POST", "/v1/auth:verifyEmail", {"token": made.keep(token[1], "e-mail", "token", SECRET)})
    device = made.of("kerya.user.v1.LoginRequest", "device_name", REDACTED)
    tokens = mesh.ask("POST", "/v1/auth:login", {"email": email, "password": password, "deviceName": device})
    made.keep(tokens["accessToken"].rpartition(".")[2], "TokenPair", "access_token", SECRET)
    used = made.keep(tokens["refreshToken"], "TokenPair", "refresh_token", SECRET)
    renewed = mesh.ask("POST", "/v1/auth:refresh", {"refreshToken": used})
    made.keep(renewed["refreshToken"], "TokenPair", "refresh_token", SECRET)
    person = Person(
        mesh, email, mesh.ask("GET", "/v1/users/me", token=renewed["accessToken"])["userId"], renewed["accessToken"]
    )
    person.ask("PATCH", "/v1/users/me", {"about": made.of("kerya.user.v1.User", "about", REDACTED)})
    person.ask("PATCH", "/v1/users/me", {"displayName": made.of("kerya.user.v1.User", "display_name", REDACTED)})
    key = {"displayName": made.of("kerya.user.v1.ApiKey", "display_name", REDACTED), "password": password}
    answer = person.call("POST", "/v1/apiKeys", {**key, "scopes": ["bookings.read"]})
    if answer.is_success:
        secret = answer.json()["secret"]
        made.keep(secret.split("_", 2)[2], "kerya.user.v1.ApiKey", "secret", SECRET)
        mesh.call("GET", "/v1/bookings", x_api_key=secret)
    return person


def _camel(fields: dict[str, str]) -> dict[str, str]:
    return {re.sub("_(.)", lambda found: found[1].upper(), name): value for name, value in fields.items()}


def _listing(host: Person, made: Canaries) -> str:
    place = "kerya.property.v1.Location"
    latitude = "36.751" + str(uuid4().int)[:9]
    made.keep(latitude[:13], place, "point", ENCRYPTED)
    made.by_value[struct.pack("<d", float(latitude)).hex()] = (place, "point", ENCRYPTED)
    location = {
        "streetAddress": made.of(place, "street_address", ENCRYPTED, "1 rue {}"),
        "postalCode": made.keep(uuid4().hex[:12], place, "postal_code", ENCRYPTED),
        "city": "Alger",
        "countryCode": "DZ",
        "point": {"latitude": float(latitude), "longitude": 3.0312345},
    }
    body = {
        "title": "Maison avec jardin",
        "description": "Grande maison avec jardin, au calme, pour toute la famille, proche de la plage.",
        "kind": "HOUSE",
        "maxGuests": 4,
        "timeZone": "Africa/Algiers",
        "location": location,
        "rates": {"nightlyPrice": {"currencyCode": "DZD", "units": "9000"}},
    }
    property_id = str(host.ask("POST", "/v1/properties", body)["propertyId"])
    host.ask("POST", f"/v1/properties/{property_id}:publish", {})
    return property_id


def _bookings(client: Person, host: Person, property_id: str, made: Canaries) -> None:
    kind = "kerya.booking.v1.CreateBookingRequest"
    offer = {"quoteToken": quote(client, property_id)["quoteToken"], "message": made.of(kind, "message", REDACTED)}
    booking = client.ask("POST", "/v1/bookings", offer)
    made.keep(booking["payment"]["clientSecret"], "kerya.booking.v1.Payment", "client_secret", ENCRYPTED)
    assert client.mesh.pay(booking["payment"]).is_success
    path = f"/v1/bookings/{booking['bookingId']}"
    eventually(lambda: state_of(client, booking["bookingId"]) == "CONFIRMED" or None)
    reason = made.of("kerya.booking.v1.CancelBookingRequest", "reason", REDACTED)
    client.ask("POST", f"{path}:cancel", {"reason": reason})
    client.mesh.mail(host.email, booking["bookingId"])


def _confidences(client: Person, made: Canaries) -> None:
    kind = "kerya.notification.v1.CreateDeviceRequest"
    device = {"token": made.of(kind, "token", ENCRYPTED), "displayName": made.of(kind, "display_name", REDACTED)}
    assert client.call("POST", "/v1/devices", {"platform": "ANDROID", **device}).is_success
    moved = {"newEmail": made.of("kerya.user.v1.RequestEmailChangeRequest", "new_email", ENCRYPTED, "{}@example.com")}
    client.call("POST", "/v1/auth:requestEmailChange", {**moved, "password": "not the right one 5"})
    client.call("POST", "/v1/auth:requestPasswordReset", {"email": client.email})


def _refusals(mesh: Mesh, client: Person, made: Canaries) -> None:
    """Requests that fail at every wall: the edge, the transcoder, validation, the use case."""

    def secret(name: str) -> str:
        return made.of("refused request", name, SECRET)

    login = {"email": made.of("refused request", "email", ENCRYPTED, "{}@example.com"), "password": secret("password")}
    for body in (login, {**login, "password": {"x": secret("nested")}}, {**login, "unknown": secret("unknown field")}):
        mesh.call("POST", "/v1/auth:login", body)
    half = f'{{"email": "{secret("email")}", "password": "{secret("password")}'
    mesh.http.post("/v1/auth:login", content=half, headers={"content-type": "application/json", "idempotency-key": "k"})
    mesh.http.post("/v1/auth:login", content=secret("body"), headers={"content-type": "text/plain"})
    mesh.call("GET", "/v1/users/me", token=secret("token"))
    mesh.call("GET", "/v1/users/me", token=client.token[:-20] + secret("signature"))
    mesh.call("GET", "/v1/users/me", x_api_key=f"kerya_{'0' * 26}_{secret('key')}")
    mesh.call("GET", f"/v1/calendars/{secret('calendar')}{'x' * 20}.ics")
    mesh.call("GET", f"/v1/users/me?access_token={secret('query')}")
    mesh.http.get("/v1/users/me", headers={"cookie": f"session={secret('cookie')}"})


def _every_request(mesh: Mesh, host: Person, made: Canaries) -> None:
    """Every RPC of the contract, over gRPC and as JSON, with nothing but canaries: most of them are refused."""
    credentials = grpc.ssl_channel_credentials(mesh.authority.read_bytes())
    with grpc.secure_channel(f"localhost:{mesh.base + 443}", credentials) as channel:
        for method in CONTRACT.methods.values():
            if method.client_streaming or method.input_type not in _personal_inputs():
                continue
            request = filled(method.input_type, made)
            metadata = (("authorization", f"Bearer {host.token}"), ("idempotency-key", str(uuid4())))
            call: Any = channel.unary_unary(method.path, lambda sent: sent.SerializeToString(), bytes)
            try:
                call(request, timeout=10, metadata=metadata)
            except grpc.RpcError:
                pass
            host.call("POST", f"/v1/auth:{method.name[:1].lower()}{method.name[1:]}", MessageToDict(request))


def _personal_inputs() -> set[str]:
    return {m.input_type for m in CONTRACT.methods.values() if _leads_to_people(message_class(m.input_type).DESCRIPTOR)}


@pytest.mark.timeout(180)
def test_p25_no_log_trace_metric_or_event_tells_what_is_personal(mesh: Mesh, canaries: Canaries) -> None:
    last = mesh.call("GET", "/healthz").headers["x-request-id"]
    eventually(lambda: any(last in line for line in log_lines(mesh, "envoy")) or None, WRITTEN_WITHIN)
    places = {f"log of {name}": "\n".join(log_lines(mesh, name)).encode() for name in mesh.status()}
    places |= {path.name: path.read_bytes() for path in (mesh.home / "traces").iterdir()}
    places |= {f"metrics at {port}": _metrics(mesh, port, path) for port, path in METRICS.items()}
    events = [*messages(mesh), *messages(mesh, dead=True)]
    places |= {f"{event.subject} {event.event_id}": event.data for event in events}
    assert [place for place in _wanted() if not places[place]] == []
    leaks = [
        (place, message, name, around)
        for place, text in places.items()
        for message, name, around in canaries.found_in(text)
        if not (place.startswith("user.updated ") and name == "display_name")
    ]
    assert not leaks, "\n".join(map(repr, leaks))
    assert len(canaries.by_value) > 80 and len(events) > 10


@pytest.mark.timeout(120)
def test_what_is_encrypted_or_secret_is_nowhere_at_rest(mesh: Mesh, canaries: Canaries) -> None:
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    leaks: list[tuple[str, str, str]] = []
    for service, found in everywhere(mesh, tables).items():
        for table in (row["table_name"] for row in found):
            kept = rows(mesh, service, f'SELECT t::text AS line FROM "{table}" t')
            text = "\n".join(row["line"] for row in kept).encode()
            leaks += [
                (f"{service}.{table}", name, around) for _, name, around in canaries.found_in(text, ENCRYPTED, SECRET)
            ]
    leaks += [("redis", name, around) for _, name, around in canaries.found_in(_cache(mesh), ENCRYPTED, SECRET)]
    assert leaks == []


def _wanted() -> list[str]:
    """What must have something to say, or nothing was searched."""
    written = ("user", "property", "booking", "notification", "transcoder", "envoy")
    return [*(f"log of {name}" for name in written), *(f"metrics at {port}" for port in METRICS)]


def _cache(mesh: Mesh) -> bytes:
    password = (mesh.home / "secrets" / "redis.password").read_text().strip()
    with redis.Redis(port=mesh.base + 679, password=password) as connection:
        found = [(key, connection.dump(key)) for key in connection.scan_iter()]
    return b"\n".join(key + b" " + bytes(value or b"") for key, value in found)


def _metrics(mesh: Mesh, port: int, path: str) -> bytes:
    return httpx.get(f"http://127.0.0.1:{mesh.base + port}{path}", timeout=10).content
