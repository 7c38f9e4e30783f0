"""How a request becomes a message: path captures, query and body meet in one JSON tree, decoded once by the codec."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any

from protobuf import Message, message_from_json_value

from edge.transcoder.contract import ContractFault, HttpBinding, Method
from edge.transcoder.faults import Fault, Violation, body_malformed, invalid_request
from edge.transcoder.json_body import check, check_field, malformed, read_json
from edge.transcoder.query import Unfit, bind_query, decode, parse
from edge.transcoder.shape import Field, Kind, Shape, shape_of
from edge.transcoder.template import Variable
from edge.transcoder.template import parse as parse_template

HTTP_BODY = "google.api.HttpBody"
_PRIMITIVE = {Kind.STRING, Kind.BOOL, Kind.NUMBER, Kind.BYTES, Kind.ENUM}
# Keys of a flat update request that steer it and are no part of what is updated.
_STEERING = {"etag", "request_id"}


_ABSENT: Any = object()


class Binding:
    """The plan of one http binding, made at start; raises ContractFault where the binding breaks the rules."""

    def __init__(self, method: Method, http: HttpBinding) -> None:
        self.template = parse_template(http.template)
        self._type: type[Message] = method.input.type
        self._shape = shape_of(method.input)
        self._whole = http.body == "*"
        self._body_field = self._field_of_body(http)
        self._captures = [_Capture(self._shape, variable, http.template) for variable in self.template.variables]
        self._taken = {".".join(each.proto_path): "path" for each in self._captures}
        if self._body_field is not None:
            if self._body_field.name in self._taken:
                raise ContractFault(f"{http.template}: {http.body} is both path and body")
            self._taken[self._body_field.name] = "body"
        self._mask = self._mask_field() if http.verb == "PATCH" and http.body else None
        self.takes_body = bool(http.body)
        self.raw_body = method.input.type_name == HTTP_BODY or _is_raw(self._body_field)
        self.resumes = "resume_token" in self._shape.fields

    def _field_of_body(self, http: HttpBinding) -> Field | None:
        if http.body in ("", "*"):
            return None
        field = self._shape.fields.get(http.body)
        if field is None or field.name != http.body:
            raise ContractFault(f"{http.template}: body {http.body!r} is no top-level field")
        return field

    def _mask_field(self) -> Field | None:
        masks = {
            field.name: field
            for field in self._shape.fields.values()
            if field.message is not None
            and field.message.type_name == "google.protobuf.FieldMask"
            and not field.repeated
        }
        return next(iter(masks.values())) if len(masks) == 1 else None

    def message(
        self, segments: Sequence[str], query: str, body: bytes, content_type: str = "", resume: str = ""
    ) -> Message:
        """The request message. Raises Fault naming everything that is wrong with it.

        `resume` is the Last-Event-ID of a stream that goes on; it fills `resume_token` where the request does not.
        """
        value = read_json(body) if body and not self.raw_body else _ABSENT
        tree = self._raw_tree(body, content_type) if self.raw_body else self._body_tree(value)
        for capture in self._captures:
            capture.put(segments, tree)
        if query:
            if self._whole:
                self._refuse_query(query)
            bind_query(self._shape, query, tree, self._taken)
        if self._mask is not None and isinstance(value, dict):
            self._default_mask(self._mask, value, tree)
        if resume and self.resumes and not {"resumeToken", "resume_token"} & tree.keys():
            tree["resumeToken"] = resume
        return self._decode(tree)

    def items(self, values: Sequence[Any]) -> Iterator[Message]:
        """The messages of a client stream, from JSON values."""
        for value in values:
            check(self._shape, value)
            yield self._decode(value)

    def _body_tree(self, value: Any) -> dict[str, Any]:
        if value is _ABSENT:
            return {}
        if self._whole:
            check(self._shape, value)
            return dict(value)
        if self._body_field is not None:
            check_field(self._body_field, value)
            return {self._body_field.json_name: value}
        if value != {}:
            raise body_malformed("this method takes none")
        return {}

    def _default_mask(self, mask: Field, body: dict[str, Any], tree: dict[str, Any]) -> None:
        """A PATCH without a mask updates the fields its body names; a message given there is replaced whole."""
        if mask.json_name in tree or mask.name in tree:
            return
        shape = self._shape if self._body_field is None else self._body_field.shape
        depth = 0 if self._body_field is None else 1
        bound = {each.proto_path[depth] for each in self._captures if len(each.proto_path) > depth}
        names = dict.fromkeys(shape.fields[key].name for key in body)
        tree[mask.json_name] = ",".join(_camel(name) for name in names if name not in bound | _STEERING)

    def _raw_tree(self, body: bytes, content_type: str) -> dict[str, Any]:
        raw = {"contentType": content_type, "data": base64.b64encode(body).decode()}
        return raw if self._body_field is None else {self._body_field.json_name: raw}

    @staticmethod
    def _refuse_query(query: str) -> None:
        names = dict.fromkeys(part.partition("=")[0][:120] for part in query.split("&") if part)
        raise invalid_request([Violation(name, "this method takes its fields in the body") for name in names])

    def _decode(self, tree: dict[str, Any]) -> Message:
        try:
            return message_from_json_value(self._type, tree)
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise self._fault(tree) from None

    def _fault(self, tree: dict[str, Any]) -> Fault:
        violations = list(_unfit(self._shape, tree, ""))
        if not violations:
            return body_malformed("it does not fit the message")
        root = violations[0].field.partition(".")[0].partition("[")[0]
        in_body = self._whole or (self._body_field is not None and root == self._body_field.json_name)
        in_path = any(each.json_path[0] == root for each in self._captures)
        return malformed(violations) if in_body and not in_path else invalid_request(violations)


class _Capture:
    """A variable of the path and the field it fills."""

    def __init__(self, shape: Shape, variable: Variable, template: str) -> None:
        fields = shape.resolve(variable.field_path)
        if fields is None or any(field.name != name for field, name in zip(fields, variable.field_path, strict=True)):
            raise ContractFault(f"{template}: no field {'.'.join(variable.field_path)}")
        self._field = fields[-1]
        if self._field.kind not in _PRIMITIVE or self._field.repeated or self._field.mapped:
            raise ContractFault(f"{template}: {self._field.name} is no single primitive")
        self._variable = variable
        self._fields = fields
        self.proto_path = variable.field_path
        self.json_path = tuple(field.json_name for field in fields)

    def put(self, segments: Sequence[str], tree: dict[str, Any]) -> None:
        """Decodes the captured text into the tree. Raises Fault where the body says otherwise."""
        variable = self._variable
        try:
            value = self._value(segments, variable)
            for step in self._fields[:-1]:
                tree = _enter(tree, step)
            for name in (self._field.name, self._field.json_name):
                if tree.get(name) is not None and str(tree.pop(name)) != str(value):
                    raise Unfit("the path and the body differ")
        except Unfit as fault:
            raise invalid_request([Violation(".".join(self.json_path), str(fault))]) from None
        tree[self._field.json_name] = value

    def _value(self, segments: Sequence[str], variable: Variable) -> Any:
        if not variable.multi:
            return parse(self._field, decode(segments[variable.start]))
        # A slash that was escaped stays so, or it could not be told from one that separates.
        parts = [
            "%2F".join(decode(piece) for piece in part.replace("%2f", "%2F").split("%2F"))
            for part in segments[variable.start : variable.end]
        ]
        return parse(self._field, "/".join(parts))


def _enter(tree: dict[str, Any], step: Field) -> dict[str, Any]:
    for name in (step.json_name, step.name):
        inner = tree.get(name)
        if isinstance(inner, dict):
            return inner
    inner = tree[step.json_name] = {}
    return inner


def _is_raw(field: Field | None) -> bool:
    return field is not None and field.message is not None and field.message.type_name == HTTP_BODY


def _unfit(shape: Shape, tree: dict[str, Any], path: str) -> Iterator[Violation]:
    """The leaves the codec refuses, found one by one; only walked when it refused the whole."""
    for key, value in tree.items():
        field = shape.fields.get(key)
        if field is None or _fits(shape, key, value):
            continue
        at = f"{path}.{field.json_name}" if path else field.json_name
        inner = list(_inner_unfit(field, value, at)) if field.kind is Kind.MESSAGE else []
        yield from inner or [Violation(at, f"{field.expected} is expected")]


def _inner_unfit(field: Field, value: Any, at: str) -> Iterator[Violation]:
    if field.repeated:
        for index, item in enumerate(value):
            yield from _unfit(field.shape, item, f"{at}[{index}]")
    elif field.mapped:
        for key, item in value.items():
            yield from _unfit(field.shape, item, f"{at}[{key!r}]")
    elif isinstance(value, dict):
        yield from _unfit(field.shape, value, at)


def _fits(shape: Shape, key: str, value: Any) -> bool:
    try:
        message_from_json_value(shape.desc.type, {key: value})
    except (ValueError, TypeError, OverflowError, RecursionError):
        return False
    return True


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
