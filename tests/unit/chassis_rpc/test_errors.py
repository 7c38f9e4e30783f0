"""Errors as callers see them: AIP-193's shape, from the contract."""

from __future__ import annotations

import asyncpg
import sqlalchemy.exc
from google.rpc import code_pb2, error_details_pb2

from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal, ErrorRenderer, invalid
from services.chassis.failures import DependencyDown, failed_dependency

RENDERER = ErrorRenderer(Contract.load(), "kerya.booking.v1")


class NightsTaken(Exception):
    """A domain error, as a service's `domain/errors.py` has it."""

    reason = "BOOKING_NOT_FOUND"

    def __init__(self, **metadata: str) -> None:
        super().__init__(self.reason)
        self.metadata = metadata


def details(status: object) -> dict[str, object]:
    found: dict[str, object] = {}
    for packed in status.details:  # type: ignore[attr-defined]
        kind = packed.TypeName().rpartition(".")[2]
        message = getattr(error_details_pb2, kind)()
        packed.Unpack(message)
        assert kind not in found, "each detail type at most once"
        found[kind] = message
    return found


def test_a_domain_error_brings_reason_domain_and_metadata() -> None:
    status = RENDERER.status(NightsTaken(booking_id="booking_1"), "fr")
    found = details(status)
    assert status.code == code_pb2.NOT_FOUND
    info = found["ErrorInfo"]
    assert (info.reason, info.domain, dict(info.metadata)) == (  # type: ignore[attr-defined]
        "BOOKING_NOT_FOUND",
        "booking.kerya",
        {"booking_id": "booking_1"},
    )
    assert found["LocalizedMessage"].locale == "fr"  # type: ignore[attr-defined]
    assert status.message and status.message != found["LocalizedMessage"].message  # type: ignore[attr-defined]


def test_field_faults_and_delays_have_their_own_details() -> None:
    found = details(RENDERER.status(invalid("guest_count", "must be positive", "int32.gte"), "en"))
    assert found["BadRequest"].field_violations[0].field == "guest_count"  # type: ignore[attr-defined]
    limited = details(RENDERER.status(ChassisRefusal("RATE_LIMITED", retry_after=1.5, limit=3, period="60s"), "ar"))
    assert limited["RetryInfo"].retry_delay.ToMilliseconds() == 1500  # type: ignore[attr-defined]
    assert limited["ErrorInfo"].domain == "kerya"  # type: ignore[attr-defined]


def test_an_unknown_exception_is_no_refusal() -> None:
    assert not RENDERER.knows(ValueError("secret dsn=postgres://u:p@h/db"))
    assert RENDERER.knows(ChassisRefusal("TOKEN_MISSING"))


def test_dead_dependencies_are_told_from_faults_of_ours() -> None:
    down = sqlalchemy.exc.DBAPIError("select", {}, asyncpg.AdminShutdownError("bye"))
    down.__cause__ = asyncpg.AdminShutdownError("bye")
    assert failed_dependency(down) == "database"
    assert failed_dependency(DependencyDown("property")) == "property"
    assert failed_dependency(ConnectionRefusedError()) == "database"
    assert failed_dependency(KeyError("x")) is None
