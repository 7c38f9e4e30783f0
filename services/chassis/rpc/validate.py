"""Parses the request and holds it against the bounds its fields declare."""

from __future__ import annotations

from typing import Any

import protovalidate
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal, invalid
from services.chassis.rpc.pipeline import Proceed

_NUL = "\x00"


class ValidateStage:
    """Refuses with INVALID_REQUEST and one violation per field."""

    def __init__(self) -> None:
        self._types: dict[str, type[Message]] = {}

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        if not call.rule.client_streaming:
            call.request = self._parse(call)
            require_valid(call.request)
            if b"\x00" in call.payload:
                _require_no_nul(call.request, "")
        return await proceed(call)

    def _parse(self, call: Call) -> Message:
        name = call.rule.input_type
        if name not in self._types:
            descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
            self._types[name] = message_factory.GetMessageClass(descriptor)
        try:
            return self._types[name].FromString(call.payload)
        except DecodeError:
            raise invalid("", "the request is not a message of its type") from None


def require_valid(message: Message) -> None:
    """Raises INVALID_REQUEST, naming each field, where `message` breaks its buf.validate bounds."""
    violations = protovalidate.collect_violations(message)
    if violations:
        raise ChassisRefusal(
            "INVALID_REQUEST",
            violations=[
                (_path(violation), violation.proto.message, violation.proto.rule_id) for violation in violations
            ],
        )


def _path(violation: Any) -> str:
    if violation.proto.field is None:  # a rule of the whole message
        return ""
    return ".".join(_element(element) for element in violation.proto.field.elements)


def _element(element: Any) -> str:
    subscript = element.subscript
    return f"{element.field_name}[{subscript.value}]" if subscript is not None else str(element.field_name)


def _require_no_nul(message: Message, prefix: str) -> None:
    """PostgreSQL has no NUL in text; protobuf has."""
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        for item in value if field.is_repeated else (value,):
            if isinstance(item, str) and _NUL in item:
                raise invalid(path, "must not contain NUL", "string.nul")
            if isinstance(item, Message):
                _require_no_nul(item, f"{path}.")
