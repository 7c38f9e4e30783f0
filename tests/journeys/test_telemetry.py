"""What the mesh tells of itself: one trace for one request through every hop, logs as JSON, and metrics by name."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import httpx
import pytest

from tests.journeys.mesh import Json, Mesh, Person, confirmed, eventually, quote, state_of

Span = Json
CREATE = "kerya.booking.v1.BookingService/CreateBooking"
# Envoy writes its log every ten seconds, the exporters send every second.
WRITTEN_WITHIN = 25.0
# Told by the migrations, which run in front of the service whose start they are part of.
MIGRATED = re.compile(r"\w+ is at its newest version")


def log_lines(mesh: Mesh, component: str) -> list[str]:
    """What a component wrote, line by line, untouched."""
    told = (json.loads(line) for line in mesh.log.read_text().splitlines() if line.startswith("{"))
    return [entry["text"] for entry in told if entry.get("component") == component and entry["event"] == "line"]


def trace_of(mesh: Mesh, response: httpx.Response) -> str:
    """The trace that a request became, by the request id that its answer carries."""
    request_id = response.headers["x-request-id"]
    line = eventually(
        lambda: next((line for line in log_lines(mesh, "envoy") if request_id in line and "trace.id" in line), None),
        WRITTEN_WITHIN,
    )
    return str(json.loads(line)["trace.id"])


def spans(mesh: Mesh, trace_id: str) -> list[Span]:
    response = httpx.get(f"http://127.0.0.1:{mesh.base + 318}/traces/{trace_id}", timeout=10)
    return list(response.json()["spans"]) if response.is_success else []


def whole_trace(mesh: Mesh, trace_id: str, last: tuple[str, str]) -> list[Span]:
    """The spans of a trace once `last`, as (service, name), is among them and every span's parent has come."""

    def complete() -> list[Span] | None:
        found = spans(mesh, trace_id)
        known = {span["span_id"] for span in found}
        parents = {span["parent_span_id"] for span in found} - {""}
        return found if last in {_who(span) for span in found} and parents <= known else None

    try:
        return list(eventually(complete, WRITTEN_WITHIN))
    except AssertionError:
        raise AssertionError(f"no whole trace with {last}: {sorted(map(_shown, spans(mesh, trace_id)))}") from None


def _who(span: Span) -> tuple[str, str]:
    return span["service"], span["name"]


def _shown(span: Span) -> tuple[str, str, str, str]:
    return span["service"], span["kind"], span["name"], f"{span['span_id']} under {span['parent_span_id'] or 'nothing'}"


def ancestors(found: list[Span], service: str, name: str) -> list[tuple[str, str]]:
    """A span and what it is under, up to the root, without the SQL in between."""
    by_id = {span["span_id"]: span for span in found}
    span = next(span for span in found if _who(span) == (service, name))
    path = [_who(span)]
    while span["parent_span_id"]:
        span = by_id[span["parent_span_id"]]
        path.append(_who(span))
    return path


@pytest.mark.timeout(120)
def test_one_booking_is_one_trace_from_the_edge_to_the_reader_of_its_event(
    mesh: Mesh, client: Person, property_id: str
) -> None:
    offer = {"quoteToken": quote(client, property_id)["quoteToken"]}
    response = client.call("POST", "/v1/bookings", offer)
    trace_id = trace_of(mesh, response)
    found = whole_trace(mesh, trace_id, ("property", "process calendar.nights_taken"))

    roots = [span for span in found if not span["parent_span_id"]]
    assert [span["service"] for span in roots] == ["envoy"]
    hops = ancestors(found, "property", "process calendar.nights_taken")
    assert [name for service, name in hops if service != "envoy"] == [
        "process calendar.nights_taken",
        "send calendar.nights_taken",
        CREATE,
        "POST /v1/bookings",
    ]
    assert [service for service, _ in hops][:4] == ["property", "booking", "booking", "transcoder"]
    names = {_who(span) for span in found}
    assert {("booking", "INSERT booking"), ("booking", "INSERT outbox"), ("booking", "send booking.held")} <= names
    assert {("booking", "POST stripe"), ("property", "INSERT inbox"), ("property", "INSERT taken_night")} <= names
    assert [span["name"] for span in found if span["status"] == "ERROR"] == []


@pytest.mark.timeout(120)
def test_one_payment_is_one_trace_from_the_webhook_to_the_e_mail(mesh: Mesh, client: Person, property_id: str) -> None:
    before = _traces_with(mesh, "send booking.confirmed")
    booking = client.ask("POST", "/v1/bookings", {"quoteToken": quote(client, property_id)["quoteToken"]})
    assert mesh.pay(booking["payment"]).is_success
    eventually(lambda: state_of(client, booking["bookingId"]) == "CONFIRMED" or None)
    [trace_id] = eventually(lambda: (_traces_with(mesh, "send booking.confirmed") - before) or None, WRITTEN_WITHIN)
    found = whole_trace(mesh, trace_id, ("notification", "POST sendgrid"))
    hops = ancestors(found, "notification", "POST sendgrid")
    assert hops[-1][0] == "envoy"
    # The webhook's own call applies the payment, or, where that takes long, a job does in its stead.
    others = ("envoy", "transcoder")
    assert [hop for hop in hops if hop[0] not in others and hop != ("booking", "apply provider event")] == [
        ("notification", "POST sendgrid"),
        ("notification", "deliver notification"),
        ("notification", "process booking.confirmed"),
        ("booking", "send booking.confirmed"),
        ("booking", "kerya.booking.v1.PaymentService/ReceiveStripeWebhook"),
    ]
    asked = ancestors(found, "user", "kerya.user.v1.UserService/GetContact")
    assert asked[1:3] == [
        ("notification", "kerya.user.v1.UserService/GetContact"),
        ("notification", "deliver notification"),
    ]
    assert {span["service"] for span in found} == {"envoy", "transcoder", "booking", "notification", "user"}


def _traces_with(mesh: Mesh, name: str) -> set[str]:
    lines = [line for file in (mesh.home / "traces").glob("*.jsonl") for line in file.read_text().splitlines()]
    return {span["trace_id"] for span in map(json.loads, lines) if span["name"] == name}


@pytest.mark.timeout(120)
def test_kinds_and_attributes_follow_the_conventions(mesh: Mesh, client: Person, property_id: str) -> None:
    response = client.call("POST", "/v1/bookings", {"quoteToken": quote(client, property_id)["quoteToken"]})
    found = whole_trace(mesh, trace_of(mesh, response), ("property", "process calendar.nights_taken"))
    by_name = {_who(span): span for span in found}
    expected = {
        ("transcoder", "POST /v1/bookings"): ("SERVER", {"http.route": "/v1/bookings"}),
        ("booking", CREATE): ("SERVER", {"rpc.system.name": "grpc", "rpc.method": CREATE, "rpc.status_code": "OK"}),
        ("booking", "INSERT outbox"): ("CLIENT", {"db.system.name": "postgresql"}),
        ("booking", "send calendar.nights_taken"): (
            "PRODUCER",
            {"messaging.system": "nats", "messaging.operation.type": "send", "messaging.destination.name": "CALENDAR"},
        ),
        ("property", "process calendar.nights_taken"): (
            "CONSUMER",
            {"messaging.operation.type": "process", "messaging.consumer.group.name": "property-calendar"},
        ),
    }
    for who, (kind, attributes) in expected.items():
        assert by_name[who]["kind"] == kind
        assert {key: by_name[who]["attributes"].get(key) for key in attributes} == attributes


@pytest.mark.timeout(120)
def test_every_line_of_ours_is_json_and_says_where_it_belongs(mesh: Mesh, client: Person, host: Person) -> None:
    trace_id = trace_of(mesh, client.call("GET", "/v1/users/me"))
    for component in ("user", "property", "booking", "notification", "transcoder", "envoy"):
        lines = eventually(lambda: log_lines(mesh, component) or None, WRITTEN_WITHIN)
        lines = [line for line in lines if not MIGRATED.fullmatch(line)]
        plain = [line for line in lines if not line.startswith("{")]
        assert plain == [], f"{component} wrote {plain[:3]}"
        for line in lines:
            entry = json.loads(line)
            assert {"@timestamp", "log.level", "message", "service.name", "ecs.version"} <= entry.keys(), line
            assert re.fullmatch("[0-9a-f]{32}", entry.get("trace.id", trace_id)), line
    assert len(trace_id) == 32


def _metrics(mesh: Mesh, port: int, path: str = "/metrics") -> str:
    return httpx.get(f"http://127.0.0.1:{mesh.base + port}{path}", timeout=10).text


@pytest.mark.parametrize(
    ("port", "wanted"),
    [
        (
            201,
            [
                'rpc_server_call_duration_seconds_count{rpc_method="kerya.user.v1.AuthService/Login",rpc_status_code="OK"}'
            ],
        ),
        (202, ["property_changes_total{", "property_searches_total{"]),
        (203, ["bookings_held_total ", 'outbox_published_total{subject="booking.held"}']),
        (204, ["notifications_total{", "delivery_attempts_total{", "events_handled_total{"]),
        (290, ["kerya_edge_request_duration_seconds_count{"]),
    ],
)
def test_rpc_and_business_metrics_are_told(
    mesh: Mesh, client: Person, property_id: str, port: int, wanted: list[str]
) -> None:
    confirmed(client, property_id)
    mesh.ask("GET", f"/v1/properties:search?query={uuid4()}")
    missing = [name for name in wanted if name not in _metrics(mesh, port)]
    eventually(lambda: None if [name for name in missing if name not in _metrics(mesh, port)] else True)
