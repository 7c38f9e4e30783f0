"""JSON bodies, read strictly: UTF-8, no duplicate keys, no NaN, bounded depth, nothing a service could choke on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from edge.transcoder.faults import Fault, Violation, body_malformed
from edge.transcoder.shape import Field, Kind, Shape

# Beyond what any message needs, and well inside what every parser on the way survives.
MAX_DEPTH = 64
# A caller can make a path as long as the body.
MAX_PATH = 120


class _Refused(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key {twice[:80]!r} is given twice")
    return made


def _constant(text: str) -> NoReturn:
    raise _Refused(f"{text} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode


def read_json(body: bytes) -> Any:
    """The value of a JSON text. Raises Fault(BODY_MALFORMED) with a problem that shows nothing of the inside."""
    try:
        return _decode(body.decode())
    except UnicodeDecodeError:
        raise body_malformed("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise body_malformed(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except _Refused as error:
        raise body_malformed(str(error)) from None
    except RecursionError:
        raise body_malformed("it is nested too deeply") from None
    except ValueError:
        raise body_malformed("a number is too long") from None


def check(shape: Shape, value: Any) -> None:
    """Compares a JSON value with a message's shape. Raises Fault(BODY_MALFORMED) naming every field that does not fit."""
    violations = list(_object_faults(shape, value, "", 0))
    if violations:
        raise malformed(violations)


def malformed(violations: list[Violation]) -> Fault:
    """The fault of a body whose fields do not fit."""
    violations = [Violation(each.field[:MAX_PATH], each.description) for each in violations]
    first = violations[0]
    problem = f"{first.field}: {first.description}" if first.field else first.description
    return body_malformed(problem, violations)


def check_field(field: Field, value: Any) -> None:
    """The same for the one field that `body: "field"` names."""
    violations = list(_field_faults(field, value, field.json_name, 0))
    if violations:
        raise malformed(violations)


def _object_faults(shape: Shape, value: Any, path: str, depth: int) -> Iterator[Violation]:
    if shape.free:
        yield from _free_faults(value, path, depth)
        return
    if not isinstance(value, dict):
        yield Violation(path, "an object is expected")
        return
    if depth > MAX_DEPTH:
        yield Violation(path, "nested too deeply")
        return
    seen: dict[str, str] = {}
    for key, item in value.items():
        at = f"{path}.{key[:80]}" if path else key[:80]
        field = shape.fields.get(key)
        if field is None:
            yield Violation(at, "unknown field")
            continue
        if item is None and not field.nullable:
            continue
        for slot in (field.json_name, field.oneof and f"oneof {field.oneof}"):
            if slot and seen.setdefault(slot, key) != key:
                yield Violation(at, f"only one of {seen[slot]!r} and {key!r} may be given")
        yield from _field_faults(field, item, at, depth)


def _field_faults(field: Field, value: Any, path: str, depth: int) -> Iterator[Violation]:
    if field.repeated:
        if not isinstance(value, list):
            yield Violation(path, "an array is expected")
            return
        for index, item in enumerate(value):
            yield from _value_faults(field, item, f"{path}[{index}]", depth)
    elif field.mapped:
        if not isinstance(value, dict):
            yield Violation(path, "an object is expected")
            return
        for key, item in value.items():
            if "\0" in key:
                yield Violation(path, "a key has a NUL character")
            yield from _value_faults(field, item, f"{path}[{key[:80]!r}]", depth)
    elif value is not None or field.nullable:
        yield from _value_faults(field, value, path, depth)


def _value_faults(field: Field, value: Any, path: str, depth: int) -> Iterator[Violation]:
    if field.kind is Kind.MESSAGE or field.kind is Kind.DATE:
        yield from _object_faults(field.shape, value, path, depth + 1)
    elif field.kind is Kind.FREE or field.kind is Kind.ANY:
        yield from _free_faults(value, path, depth)
    elif value is None or isinstance(value, (dict, list)):
        yield Violation(path, "a single value is expected")
    elif isinstance(value, str):
        yield from _text_faults(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Violation(path, "the number is out of range")
    if field.enum is not None and not known(field, value):
        yield Violation(path, "unknown enum value")


def known(field: Field, value: Any) -> bool:
    """Whether an enum field has this value, a name or a number."""
    if isinstance(value, str):
        return any(each.name == value for each in field.enum.values) if field.enum else False
    return any(each.number == value for each in field.enum.values) if field.enum else False


def _free_faults(value: Any, path: str, depth: int) -> Iterator[Violation]:
    if depth > MAX_DEPTH:
        yield Violation(path, "nested too deeply")
    elif isinstance(value, str):
        yield from _text_faults(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Violation(path, "the number is out of range")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _free_faults(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _text_faults(key, path)
            yield from _free_faults(item, f"{path}.{key[:80]}", depth + 1)


def _text_faults(text: str, path: str) -> Iterator[Violation]:
    if "\0" in text:
        yield Violation(path, "a NUL character is not allowed")
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield Violation(path, "a lone surrogate is not allowed")
