"""The half of the contract's style that buf lint cannot see."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)

from kerya.contract.v1 import contract_pb2
from services.chassis.contract import DESCRIPTORS, Contract
from services.chassis.rules import Idempotency

FILES = [
    file
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    if file.package.startswith("kerya.") and "contract" not in file.package
]
CONTRACT = Contract.load()
METHODS = [
    pytest.param(file, method, id=f"{service.name}.{method.name}")
    for file in FILES
    for service in file.service
    for method in service.method
]


def _http(method: MethodDescriptorProto) -> tuple[str, str, str]:
    rule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return verb, getattr(rule, verb, "") if verb else "", rule.body


def _message(name: str) -> DescriptorProto | None:
    package, _, simple = name.lstrip(".").rpartition(".")
    return next((m for f in FILES if f.package == package for m in f.message_type if m.name == simple), None)


@pytest.mark.parametrize(("file", "method"), METHODS)
def test_the_http_verb_follows_the_name(file: FileDescriptorProto, method: MethodDescriptorProto) -> None:
    verb, path, body = _http(method)
    if not verb:
        return
    if method.name.startswith(("Get", "List", "Search")):
        assert (verb, body) == ("get", "")
    if method.name.startswith("Delete"):
        assert (verb, body) == ("delete", "")
    if method.name.startswith("Update"):
        assert verb == "patch"
    if ":" in path and verb != "get":
        assert (verb, body) == ("post", "*")
    assert path.startswith(("/v1/", "/.well-known/"))


@pytest.mark.parametrize(("file", "method"), METHODS)
def test_lists_are_paged_from_the_first_day(file: FileDescriptorProto, method: MethodDescriptorProto) -> None:
    response = _message(method.output_type)
    if not method.name.startswith("List") or response is None or "Similar" in method.name:
        return
    request = _message(method.input_type)
    assert request is not None
    assert {"page_size", "page_token"} <= {field.name for field in request.field}
    assert response.field[0].label == FieldDescriptorProto.LABEL_REPEATED
    assert "next_page_token" in {field.name for field in response.field}


@pytest.mark.parametrize(("file", "method"), METHODS)
def test_every_request_field_says_how_it_behaves(file: FileDescriptorProto, method: MethodDescriptorProto) -> None:
    request = _message(method.input_type)
    if request is None:
        return
    mute = [field.name for field in request.field if not field.options.Extensions[field_behavior_pb2.field_behavior]]
    assert mute == []


@pytest.mark.parametrize("rule", CONTRACT.methods.values(), ids=lambda rule: rule.full_name)
def test_creating_needs_an_idempotency_key(rule: object) -> None:
    name, idempotency = getattr(rule, "name"), getattr(rule, "idempotency")
    if name.startswith("Create") and not getattr(rule, "reads") and name != "CreateQuote":
        assert idempotency is Idempotency.REQUIRED


def test_every_reason_is_named_in_upper_snake() -> None:
    assert [reason for _, reason in CONTRACT.reasons if not re.fullmatch(r"[A-Z][A-Z0-9_]{1,61}[A-Z0-9]", reason)] == []


def test_texts_of_a_reason_speak_of_the_same_values() -> None:
    for (domain, reason), rule in CONTRACT.reasons.items():
        placeholders = {language: set(re.findall(r"{(\w+)}", text)) for language, text in rule.texts.items()}
        assert len({frozenset(found) for found in placeholders.values()}) == 1, (domain, reason, placeholders)


def test_reading_answers_no_secret() -> None:
    telling = [
        rule.full_name
        for rule in CONTRACT.methods.values()
        if rule.reads and contract_pb2.SECRET in CONTRACT.personal.get(rule.output_type, {}).values()
    ]
    assert telling == []


def _events() -> Iterator[tuple[FileDescriptorProto, DescriptorProto]]:
    for file in FILES:
        for message in file.message_type:
            if message.options.HasExtension(contract_pb2.event):
                yield file, message


def test_events_live_in_the_events_file_and_name_their_aggregate() -> None:
    for file, message in _events():
        rule = CONTRACT.event_of(f"{file.package}.{message.name}")
        assert file.name.endswith("_events.proto"), message.name
        assert rule.aggregate in {field.name for field in message.field}, message.name
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", rule.subject), message.name
        marks = CONTRACT.personal.get(f"{file.package}.{message.name}", {})
        assert contract_pb2.SECRET not in marks.values(), f"{message.name} carries a secret"
