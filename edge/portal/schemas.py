"""JSON Schemas of messages, in proto3's JSON form, with the contract's bounds and comments."""

from __future__ import annotations

from typing import Any

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

from edge.portal.comments import read_comments
from edge.transcoder.contract import Contract, option

Schema = dict[str, Any]

_INTEGER: Schema = {"type": "integer", "format": "int32"}
_LONG: Schema = {"type": "string", "format": "int64", "pattern": r"^-?[0-9]+$"}
_SCALARS: dict[ScalarType, Schema] = {
    ScalarType.STRING: {"type": "string"},
    ScalarType.BOOL: {"type": "boolean"},
    ScalarType.BYTES: {"type": "string", "contentEncoding": "base64"},
    ScalarType.DOUBLE: {"type": "number", "format": "double"},
    ScalarType.FLOAT: {"type": "number", "format": "float"},
    **dict.fromkeys((ScalarType.INT32, ScalarType.SINT32, ScalarType.SFIXED32), _INTEGER),
    **{each: {"type": "integer", "minimum": 0} for each in (ScalarType.UINT32, ScalarType.FIXED32)},
    **dict.fromkeys((ScalarType.INT64, ScalarType.SINT64, ScalarType.SFIXED64), _LONG),
    **{each: {**_LONG, "pattern": r"^[0-9]+$"} for each in (ScalarType.UINT64, ScalarType.FIXED64)},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string", "description": "Field names in JSON form, separated by commas."},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Value": {},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Any": {"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]},
    "google.protobuf.Empty": {"type": "object", "maxProperties": 0},
    "google.protobuf.StringValue": {"type": ["string", "null"]},
    "google.protobuf.BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
    "google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    "google.protobuf.Int32Value": {"type": ["integer", "null"]},
    "google.protobuf.UInt32Value": {"type": ["integer", "null"], "minimum": 0},
    "google.protobuf.Int64Value": {"type": ["string", "null"], "format": "int64"},
    "google.protobuf.UInt64Value": {"type": ["string", "null"], "format": "int64"},
    "google.protobuf.DoubleValue": {"type": ["number", "null"]},
    "google.protobuf.FloatValue": {"type": ["number", "null"]},
}
_STRING_FORMATS = {
    "email": "email",
    "uri": "uri",
    "uuid": "uuid",
    "hostname": "hostname",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
}
_BOUNDS = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


class Schemas:
    """Collects the component schemas that operations refer to."""

    def __init__(self, contract: Contract) -> None:
        self._registry = contract.registry
        self.comments = read_comments(contract.registry)
        self.components: dict[str, Schema] = {}

    def message(self, desc: DescMessage) -> Schema:
        """A reference to the message's schema, or the schema itself for a well-known type."""
        known = _WELL_KNOWN.get(desc.type_name)
        if known is not None:
            return dict(known)
        if desc.type_name not in self.components:
            self.components[desc.type_name] = {}
            self.components[desc.type_name] = self.object(desc, set())
        return {"$ref": f"#/components/schemas/{desc.type_name}"}

    def object(self, desc: DescMessage, without: set[str]) -> Schema:
        """The schema of a message as an object, some fields (by proto name) left out."""
        fields = [field for field in desc.fields if field.name not in without]
        made: Schema = {"type": "object"}
        if comment := self.comments.get(desc.type_name):
            made["description"] = comment
        made["properties"] = {field.json_name: self.field(field) for field in fields}
        if required := [field.json_name for field in fields if self.is_required(field)]:
            made["required"] = required
        made["additionalProperties"] = False
        return made

    def field(self, field: DescField) -> Schema:
        """The schema of a field, with its comment and bounds."""
        rules = option(self._registry, field.proto.options, "buf.validate.field")
        made = {**self._shape(field, rules), **_bounds(rules)}
        if comment := self.comments.get(f"{field.parent.type_name}.{field.name}"):
            made["description"] = comment
        behaviours = self._behaviours(field)
        made |= {"readOnly": True} if "OUTPUT_ONLY" in behaviours else {}
        made |= {"writeOnly": True} if "INPUT_ONLY" in behaviours else {}
        made |= {"deprecated": True} if field.deprecated else {}
        return made

    def is_required(self, field: DescField) -> bool:
        """Whether a request without the field is refused."""
        return "REQUIRED" in self._behaviours(field)

    def is_output_only(self, field: DescField) -> bool:
        """Whether the field is ignored in requests."""
        return "OUTPUT_ONLY" in self._behaviours(field)

    def _behaviours(self, field: DescField) -> set[str]:
        return {each.name for each in option(self._registry, field.proto.options, "google.api.field_behavior") or ()}

    def _shape(self, field: DescField, rules: Any) -> Schema:
        value = field.value
        if isinstance(value, DescFieldValueList):
            return {
                "type": "array",
                "items": {**self._element(value.element), **_bounds(_inner(rules, "repeated", "items"))},
            }
        if isinstance(value, DescFieldValueMap):
            return {"type": "object", "additionalProperties": self._element(value.value)}
        if isinstance(value, DescFieldValueMessage):
            return self._element(value.message)
        return self._element(value.enum if isinstance(value, DescFieldValueEnum) else value.scalar)

    def _element(self, element: DescMessage | DescEnum | ScalarType) -> Schema:
        if isinstance(element, DescMessage):
            return self.message(element)
        if isinstance(element, DescEnum):
            return self._enum(element)
        return dict(_SCALARS[element])

    def _enum(self, desc: DescEnum) -> Schema:
        if desc.type_name not in self.components:
            values = [value for value in desc.values if not value.name.endswith("UNSPECIFIED")]
            lines = [f"- `{each.name}`: {self.comments.get(f'{desc.type_name}.{each.name}', '')}" for each in values]
            text = "\n".join([self.comments.get(desc.type_name, ""), "", *lines]).strip()
            self.components[desc.type_name] = {
                "type": "string",
                "enum": [value.name for value in desc.values],
                "description": text,
            }
        return {"$ref": f"#/components/schemas/{desc.type_name}"}


def _inner(rules: Any, kind: str, name: str) -> Any:
    if rules is None or rules.type is None or rules.type.field != kind:
        return None
    return getattr(rules.type.value, name)


def _bounds(rules: Any) -> Schema:
    if rules is None or rules.type is None:
        return {}
    kind, value = rules.type.field, rules.type.value
    if kind == "string":
        return _string_bounds(value)
    if kind == "repeated":
        return _present(value, min_items="minItems", max_items="maxItems", unique="uniqueItems")
    if kind == "map":
        return _present(value, min_pairs="minProperties", max_pairs="maxProperties")
    if kind in ("int32", "uint32", "sint32", "float", "double"):
        limits = [getattr(value, name, None) for name in ("less_than", "greater_than")]
        return {_BOUNDS[limit.field]: limit.value for limit in limits if limit is not None and limit.field in _BOUNDS}
    return {}


def _string_bounds(rules: Any) -> Schema:
    made = _present(rules, min_len="minLength", max_len="maxLength", pattern="pattern")
    if rules.has_field("len"):
        made |= {"minLength": rules.len, "maxLength": rules.len}
    if len(rules.in_) if hasattr(rules, "in_") else 0:
        made["enum"] = list(rules.in_)
    known = rules.well_known
    if known is not None and known.field in _STRING_FORMATS:
        made["format"] = _STRING_FORMATS[known.field]
    return made


def _present(rules: Any, **names: str) -> Schema:
    return {target: getattr(rules, source) for source, target in names.items() if rules.has_field(source)}
