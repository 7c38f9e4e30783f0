"""Path templates of google.api.http.

    Template = "/" Segments [ ":" Literal ]      Segment  = "*" | "**" | Literal | Variable
    Segments = Segment { "/" Segment }           Variable = "{" FieldPath [ "=" Segments ] "}"

`*` is exactly one segment, `**` zero or more and the last before the verb; `{x}` is `{x=*}`; variables do not nest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ONE = "*"
MANY = "**"
_IDENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LITERAL = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()+,;@]|%[0-9A-Fa-f]{2})+\Z")
_TOKENS = re.compile(r"\{[^{}]*\}|[^/{}]+|/")


class TemplateFault(ValueError):
    """A path template breaks the grammar; the text says where."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A captured range of segments, `start` to `end` (None: to the path's last). `multi`: not exactly one `*`."""

    field_path: tuple[str, ...]
    start: int
    end: int | None
    multi: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal segments, ONE or MANY in order, the verb ("" for none), and the variables."""

    segments: tuple[str, ...]
    verb: str
    variables: tuple[Variable, ...]


def parse(text: str) -> Template:
    """Reads a template. Raises TemplateFault."""
    if not text.startswith("/") or text == "/":
        raise TemplateFault(f"{text!r} is no path")
    path, verb = _split_verb(text)
    segments: list[str] = []
    variables: list[Variable] = []
    for part in _parts(path, text):
        if part.startswith("{"):
            variables.append(_variable(part, segments, text))
        else:
            segments.append(_segment(part, text))
    if MANY in segments[:-1]:
        raise TemplateFault(f"{text!r}: ** is not the last segment")
    paths = [variable.field_path for variable in variables]
    if len(set(paths)) != len(paths):
        raise TemplateFault(f"{text!r}: a field is bound twice")
    return Template(tuple(segments), verb, tuple(variables))


def _split_verb(text: str) -> tuple[str, str]:
    cut = text.rfind(":")
    if cut < max(text.rfind("/"), text.rfind("}")):
        if ":" in re.sub(r"\{[^{}]*\}", "", text):
            raise TemplateFault(f"{text!r}: a verb ends the path")
        return text, ""
    verb = text[cut + 1 :]
    if not _LITERAL.match(verb):
        raise TemplateFault(f"{text!r}: {verb!r} is no verb")
    return text[:cut], verb


def _parts(path: str, text: str) -> list[str]:
    tokens = _TOKENS.findall(path)
    if "".join(tokens) != path:
        raise TemplateFault(f"{text!r}: unbalanced or nested braces")
    slashes, parts = tokens[::2], tokens[1::2]
    if any(token != "/" for token in slashes) or len(slashes) != len(parts) or "/" in parts:
        raise TemplateFault(f"{text!r}: empty or run-together segments")
    return parts


def _variable(part: str, segments: list[str], text: str) -> Variable:
    name, has_pattern, pattern = part[1:-1].partition("=")
    field_path = tuple(name.split("."))
    if not all(_IDENT.match(field) for field in field_path):
        raise TemplateFault(f"{text!r}: {name!r} is no field path")
    inner = [_segment(segment, text) for segment in pattern.split("/")] if has_pattern else [ONE]
    start = len(segments)
    segments.extend(inner)
    end = None if inner[-1] == MANY else len(segments)
    return Variable(field_path, start, end, inner != [ONE])


def _segment(part: str, text: str) -> str:
    if part not in (ONE, MANY) and not _LITERAL.match(part):
        raise TemplateFault(f"{text!r}: {part!r} is no segment")
    return part
