"""Messages to domain values and back; and the shape of the servicer."""

import ast
import inspect
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest

from kerya.user.v1 import error_reason_pb2, user_events_pb2, user_pb2
from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal
from services.user import mapper, servicer
from services.user.domain import errors, events
from services.user.domain.accounts import Role
from services.user.domain.points import Cause
from services.user.domain.sessions import EndCause
from services.user.domain.verifications import Purpose

SAMPLES: dict[str, Any] = {
    "UUID": UUID(int=5),
    "frozenset[Role]": frozenset({Role.HOST, Role.CLIENT}),
    "str": "text",
    "int": 3,
    "Purpose": Purpose.RESET_PASSWORD,
    "EndCause": EndCause.TOKEN_REUSED,
    "datetime": datetime(2026, 7, 3, tzinfo=UTC),
}


@pytest.mark.parametrize("kind", get_args(events.UserEvent))
def test_every_event_has_its_message_with_every_field_said(kind: type[Any]) -> None:
    message = mapper.event(kind(**{field.name: SAMPLES[str(field.type)] for field in fields(kind)}))
    assert Contract.load().event_of(type(message)).subject.startswith("user.")
    assert {field.name for field, _ in message.ListFields()} == {field.name for field in message.DESCRIPTOR.fields}


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError):
        mapper.event("nothing")


def test_names_are_the_contracts() -> None:
    assert {purpose.value for purpose in Purpose} == set(user_pb2.EmailPurpose.keys()[1:])
    assert {cause.value for cause in Cause} == set(user_pb2.PointEntry.Cause.keys()[1:])
    assert {cause.value for cause in EndCause} == set(user_events_pb2.SessionRevoked.Cause.keys()[1:])


def test_every_error_has_its_reason_and_every_reason_but_a_later_ones_is_raised() -> None:
    found = {kind.reason for _, kind in inspect.getmembers(errors, inspect.isclass) if "reason" in vars(kind)}
    assert found == set(error_reason_pb2.ErrorReason.keys()[1:]) - {"PHONE_CODE_INVALID"}


@pytest.mark.parametrize(
    ("user", "paths", "changes"),
    [
        ({"about": "x", "locale": "ar"}, [], {"about": "x", "locale": "ar"}),
        ({"about": "x"}, ["about", "given_name", "etag"], {"about": "x", "given_name": ""}),
        ({}, [], {}),
    ],
)
def test_the_mask_says_what_changes(user: dict[str, str], paths: list[str], changes: dict[str, str]) -> None:
    assert mapper.changes(user_pb2.User(**user), paths) == changes  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["roles", "email", "user.about", "display_name", "locale", "time_zone", "*"])
def test_a_mask_cannot_reach_further_or_empty_what_is_needed(path: str) -> None:
    with pytest.raises(ChassisRefusal) as refusal:
        mapper.changes(user_pb2.User(), [path])
    assert refusal.value.reason == "INVALID_REQUEST"


def test_an_rpc_is_a_paragraph() -> None:
    tree = ast.parse(inspect.getsource(servicer))
    rpcs = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)]
    promised = {rule.name for rule in Contract.load().methods_of("kerya.user.v1")}
    assert promised - {rpc.name for rpc in rpcs} == {"RequestPhoneCode", "VerifyPhone", "ExportMe"}
    for rpc in rpcs:
        assert rpc.end_lineno is not None and rpc.end_lineno - rpc.lineno + 1 <= 12, rpc.name
        assert not any(isinstance(node, ast.Try) for node in ast.walk(rpc)), rpc.name
