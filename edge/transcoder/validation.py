"""The contract's bounds (buf.validate), checked before a service is called."""

from __future__ import annotations

from protobuf import Message
from protovalidate import Validator, Violation as Broken

from edge.transcoder.faults import Violation, invalid_request

_validator = Validator()


def validate(message: Message) -> None:
    """Raises Fault(INVALID_REQUEST) naming every field out of its bounds, by its JSON path."""
    broken = _validator.collect_violations(message)
    if broken:
        raise invalid_request([Violation(_path(message, each), each.proto.message) for each in broken])


def _path(message: Message, broken: Broken) -> str:
    desc = message.desc()
    parts: list[str] = []
    for element in broken.proto.field.elements if broken.proto.field else ():
        field = next((each for each in desc.fields if each.number == element.field_number), None) if desc else None
        name = field.json_name if field is not None else element.field_name
        subscript = element.subscript
        parts.append(name if subscript is None else f"{name}[{subscript.value!r}]")
        value = field.value if field is not None else None
        desc = getattr(value, "message", None) or getattr(value, "element", None) or getattr(value, "value", None)
        if not hasattr(desc, "fields"):
            desc = None
    return ".".join(parts)
