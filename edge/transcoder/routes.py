"""Which route a request takes: a trie over path segments, literals before `*` before `**`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from edge.transcoder.template import MANY, ONE, Template

T = TypeVar("T")


class RouteConflict(ValueError):
    """Two bindings claim the same method, path and verb."""


@dataclass(slots=True)
class _Node(Generic[T]):
    literals: dict[str, _Node[T]] = field(default_factory=dict)
    one: _Node[T] | None = None
    # verb -> HTTP method -> target, for paths that end here and for paths whose rest `**` takes
    ends: dict[str, dict[str, T]] = field(default_factory=dict)
    rests: dict[str, dict[str, T]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """The target of a request and its raw path segments, verb cut off."""

    target: T
    segments: list[str]


class RouteTable(Generic[T]):
    """Routes by HTTP method and path. A custom verb must be registered: `/v1/x/7:nope` never matches `/v1/x/{id}`."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, method: str, template: Template, target: T) -> None:
        """Registers a route; `method` "*" takes any. Raises RouteConflict."""
        node = self._root
        ends = node.ends
        for segment in template.segments:
            if segment == MANY:
                ends = node.rests
                break
            node = self._step(node, segment)
            ends = node.ends
        methods = ends.setdefault(template.verb, {})
        if method in methods:
            raise RouteConflict(f"{method} /{'/'.join(template.segments)}:{template.verb} is bound twice")
        methods[method] = target

    @staticmethod
    def _step(node: _Node[T], segment: str) -> _Node[T]:
        if segment != ONE:
            return node.literals.setdefault(segment, _Node())
        if node.one is None:
            node.one = _Node()
        return node.one

    def find(self, method: str, path: str) -> Match[T] | None:
        """The first route, literals first, that takes the raw (still percent-encoded) path with this method."""
        segments, verb = _cut(path)
        target = _find(self._root, segments, 0, verb, method)
        return None if target is None else Match(target, segments)

    def allowed(self, path: str) -> set[str]:
        """The HTTP methods the path has; empty for an unknown path."""
        segments, verb = _cut(path)
        return {method for methods in _walk(self._root, segments, 0, verb) for method in methods}


def _cut(path: str) -> tuple[list[str], str]:
    segments = path[1:].split("/")
    last, colon, verb = segments[-1].rpartition(":")
    if not colon:
        return segments, ""
    # "/v1/files:list" may also end a `**` of zero segments; an empty last segment never matches otherwise.
    segments[-1] = last
    return segments, verb or ":"


def _find(node: _Node[T], segments: list[str], at: int, verb: str, method: str) -> T | None:
    """The first target of `_walk` that has the method; written out because every request passes here."""
    found: T | None = None
    if at == len(segments):
        found = _of_method(node.ends.get(verb), method)
    else:
        segment = segments[at]
        child = node.literals.get(segment)
        if child is not None:
            found = _find(child, segments, at + 1, verb, method)
        if found is None and node.one is not None and segment:
            found = _find(node.one, segments, at + 1, verb, method)
    if found is None and verb in node.rests and all(segments[at:]):
        found = _of_method(node.rests[verb], method)
    return found


def _of_method(methods: dict[str, T] | None, method: str) -> T | None:
    if methods is None:
        return None
    target = methods.get(method)
    return methods.get("*") if target is None else target


def _walk(node: _Node[T], segments: list[str], at: int, verb: str) -> Iterator[dict[str, T]]:
    if at == len(segments):
        if verb in node.ends:
            yield node.ends[verb]
    else:
        segment = segments[at]
        child = node.literals.get(segment)
        if child is not None:
            yield from _walk(child, segments, at + 1, verb)
        if node.one is not None and segment:
            yield from _walk(node.one, segments, at + 1, verb)
    if verb in node.rests and all(segments[at:]):
        yield node.rests[verb]
