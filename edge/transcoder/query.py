"""Query parameters as fields of a request: dotted paths, repeated keys, `map[key]=value`, protobuf's JSON forms."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from edge.transcoder.faults import Fault, Violation, invalid_request
from edge.transcoder.json_body import known, read_json
from edge.transcoder.shape import Field, Kind, Shape

MAX_DEPTH = 8
_MAP_KEY = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]\Z")
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Unfit(ValueError):
    """A text that is no value of its field; the message says what is."""


def decode(text: str, *, plus: bool = False) -> str:
    """Percent-decodes one part of a URL. Raises Unfit."""
    if plus:
        text = text.replace("+", " ")
    if "%" in text:
        if _BAD_ESCAPE.search(text):
            raise Unfit("malformed percent-encoding")
        try:
            text = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise Unfit("not UTF-8") from None
    if "\0" in text:
        raise Unfit("a NUL character is not allowed")
    return text


def bind_query(shape: Shape, query: str, tree: dict[str, Any], taken: dict[str, str]) -> None:
    """Puts each parameter into the JSON `tree` of a request.

    `taken` names top-level fields and dotted paths that are bound elsewhere, with where. Raises Fault naming every
    parameter that is unknown, given twice or no value of its field.
    """
    violations: list[Violation] = []
    for part in query.split("&"):
        if part:
            raw_name, _, raw_value = part.partition("=")
            name = raw_name
            try:
                name = decode(raw_name, plus=True)
                _bind(shape, name, decode(raw_value, plus=True), tree, taken)
            except Unfit as fault:
                violations.append(Violation(name[:120], str(fault)))
    if violations:
        raise invalid_request(violations)


def _bind(shape: Shape, name: str, text: str, tree: dict[str, Any], taken: dict[str, str]) -> None:
    key = None
    if name.endswith("]") and (found := _MAP_KEY.match(name)):
        name, key = found.groups()
    path = tuple(name.split("."))
    fields = shape.resolve(path) if len(path) <= MAX_DEPTH else None
    if fields is None or fields[-1].mapped != (key is not None):
        raise Unfit("unknown parameter")
    for depth in range(1, len(fields) + 1):
        where = taken.get(".".join(field.name for field in fields[:depth]))
        if where:
            raise Unfit(f"already given by the {where}")
    field = fields[-1]
    for step in fields[:-1]:
        tree = tree.setdefault(step.json_name, {})
        if not isinstance(tree, dict):
            raise Unfit(f"{step.json_name!r} is given as a whole, too")
    _put(field, key, text, tree)


def _put(field: Field, key: str | None, text: str, tree: dict[str, Any]) -> None:
    value = parse(field, text)
    if key is not None:
        entries = tree.setdefault(field.json_name, {})
        if key in entries:
            raise Unfit("given twice")
        entries[key] = value
    elif field.repeated:
        tree.setdefault(field.json_name, []).append(value)
    elif field.json_name in tree:
        raise Unfit("given twice")
    else:
        tree[field.json_name] = value


def parse(field: Field, text: str) -> Any:
    """The JSON value of a text for a field. Raises Unfit."""
    kind = field.kind
    if kind is Kind.STRING or kind is Kind.TEXT or kind is Kind.BYTES:
        return text
    if kind is Kind.NUMBER:
        if not text or text != text.strip():
            raise Unfit("a number is expected")
        return text
    if kind is Kind.BOOL:
        if text not in ("true", "false"):
            raise Unfit("true or false is expected")
        return text == "true"
    if kind is Kind.ENUM:
        return _enum(field, text)
    if kind is Kind.DATE:
        return _date(text)
    if kind is Kind.FREE:
        return _free(text)
    raise Unfit("unknown parameter")


def _enum(field: Field, text: str) -> str | int:
    value: str | int = int(text) if re.fullmatch(r"-?\d{1,10}", text) else text
    if not known(field, value):
        names = ", ".join(each.name for each in field.enum.values if each.number) if field.enum else ""
        raise Unfit(f"one of {names} is expected")
    return value


def _date(text: str) -> dict[str, int]:
    found = _DATE.match(text)
    if not found:
        raise Unfit("a date such as 2026-12-31 is expected")
    year, month, day = map(int, found.groups())
    return {"year": year, "month": month, "day": day}


def _free(text: str) -> Any:
    try:
        return read_json(text.encode())
    except Fault:
        raise Unfit("JSON is expected") from None
