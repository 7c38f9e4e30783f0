"""The contract's bounds (buf.validate), checked before a service is called."""

from __future__ import annotations

from protobuf import DescMessage, Message
from protovalidate import Validator
from protovalidate import Violation as Broken

from edge.transcoder.faults import Violation, invalid_request
from edge.transcoder.shape import shape_of

_validator = Validator()


def validate(message: Message) -> None:
    """Raises Fault(INVALID_REQUEST) naming every field out of its bounds, by its JSON path."""
    broken = _validator.collect_violations(message)
    if broken:
        raise invalid_request([Violation(_path(message, each), each.proto.message) for each in broken])


def _path(message: Message, broken: Broken) -> str:
    desc: DescMessage | None = message.desc()
    parts: list[str] = []
    for element in broken.proto.field.elements if broken.proto.field else ():
        field = next((each for each in desc.fields if each.number == element.field_number), None) if desc else None
        name = field.json_name if field is not None else element.field_name
        subscript = element.subscript
        parts.append(name if subscript is None else f"{name}[{subscript.value!r}]")
        desc = shape_of(desc).fields[field.name].message if desc and field else None
    return ".".join(parts)
