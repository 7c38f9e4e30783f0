"""The JSON shape of messages: what may stand where, by either of a field's names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property

from protobuf import (
    DescEnum,
    DescField,
    DescFieldValueEnum,
    DescFieldValueList,
    DescFieldValueMap,
    DescFieldValueMessage,
    DescMessage,
    ScalarType,
)


class Kind(Enum):
    """How a single value is written in JSON."""

    STRING = "string"
    BOOL = "bool"
    NUMBER = "number"
    BYTES = "bytes"
    ENUM = "enum"
    TEXT = "text"  # Timestamp, Duration, FieldMask: a message written as a string
    DATE = "date"  # google.type.Date: an object in bodies, also "2026-12-31" in queries
    FREE = "free"  # Struct, Value, ListValue: any JSON
    ANY = "any"  # google.protobuf.Any: an object that names its type
    MESSAGE = "message"


_WRAPPED = {
    "google.protobuf.StringValue": Kind.STRING,
    "google.protobuf.BytesValue": Kind.BYTES,
    "google.protobuf.BoolValue": Kind.BOOL,
    **{
        f"google.protobuf.{name}Value": Kind.NUMBER
        for name in ("Int32", "Int64", "UInt32", "UInt64", "Float", "Double")
    },
}
_WELL_KNOWN = {
    **_WRAPPED,
    "google.protobuf.Timestamp": Kind.TEXT,
    "google.protobuf.Duration": Kind.TEXT,
    "google.protobuf.FieldMask": Kind.TEXT,
    "google.protobuf.Struct": Kind.FREE,
    "google.protobuf.Value": Kind.FREE,
    "google.protobuf.ListValue": Kind.FREE,
    "google.protobuf.Any": Kind.ANY,
    "google.type.Date": Kind.DATE,
}
_EXAMPLES = {
    "google.protobuf.Timestamp": "a timestamp such as 2026-12-31T10:00:00Z",
    "google.protobuf.Duration": "a duration such as 3.5s",
    "google.protobuf.FieldMask": "field names separated by commas",
}
_SCALARS = {ScalarType.STRING: Kind.STRING, ScalarType.BOOL: Kind.BOOL, ScalarType.BYTES: Kind.BYTES}


@dataclass(frozen=True)
class Field:
    """One field. `message` and `enum` describe the element of a list or the value of a map, too."""

    name: str
    json_name: str
    kind: Kind
    repeated: bool
    mapped: bool
    message: DescMessage | None
    enum: DescEnum | None
    oneof: str | None
    expected: str

    @property
    def shape(self) -> Shape:
        """The shape of the field's message."""
        if self.message is None:
            raise TypeError(f"{self.name} is no message")
        return shape_of(self.message)

    @cached_property
    def nullable(self) -> bool:
        """Whether null is a value of its own: google.protobuf.Value only."""
        return self.message is not None and self.message.type_name == "google.protobuf.Value"


@dataclass(frozen=True)
class Shape:
    """A message's fields by proto name and by JSON name."""

    desc: DescMessage
    fields: dict[str, Field]
    free: bool

    def resolve(self, path: tuple[str, ...]) -> tuple[Field, ...] | None:
        """The fields along a dotted path through singular messages; None where there is no such path."""
        found: list[Field] = []
        shape = self
        for depth, name in enumerate(path):
            field = shape.fields.get(name)
            if field is None:
                return None
            found.append(field)
            if depth + 1 < len(path):
                if field.kind not in (Kind.MESSAGE, Kind.DATE) or field.repeated or field.mapped:
                    return None
                shape = field.shape
        return tuple(found)


@cache
def shape_of(desc: DescMessage) -> Shape:
    """The shape of a message; made once."""
    fields: dict[str, Field] = {}
    for each in desc.fields:
        field = _field(each)
        fields[field.name] = fields[field.json_name] = field
    return Shape(desc, fields, _WELL_KNOWN.get(desc.type_name) is Kind.FREE)


def _field(desc: DescField) -> Field:
    value = desc.value
    repeated, mapped, oneof = False, False, None
    element: DescMessage | DescEnum | ScalarType
    if isinstance(value, DescFieldValueList):
        repeated, element = True, value.element
    elif isinstance(value, DescFieldValueMap):
        mapped, element = True, value.value
    else:
        oneof = value.oneof.name if value.oneof is not None else None
        if isinstance(value, DescFieldValueMessage):
            element = value.message
        else:
            element = value.enum if isinstance(value, DescFieldValueEnum) else value.scalar
    return Field(
        name=desc.name,
        json_name=desc.json_name,
        kind=_kind(element),
        repeated=repeated,
        mapped=mapped,
        message=element if isinstance(element, DescMessage) else None,
        enum=element if isinstance(element, DescEnum) else None,
        oneof=oneof,
        expected=_expected(element),
    )


def _kind(element: DescMessage | DescEnum | ScalarType) -> Kind:
    if isinstance(element, DescMessage):
        return _WELL_KNOWN.get(element.type_name, Kind.MESSAGE)
    if isinstance(element, DescEnum):
        return Kind.ENUM
    return _SCALARS.get(element, Kind.NUMBER)


def _expected(element: DescMessage | DescEnum | ScalarType) -> str:
    if isinstance(element, DescMessage):
        return _EXAMPLES.get(element.type_name, f"a {element.name}")
    if isinstance(element, DescEnum):
        return f"a {element.name}"
    return f"a value of type {element.name.lower()}"
