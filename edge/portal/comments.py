"""The comments of proto files, by the full name of what they stand above."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protobuf import Registry

# Field numbers of FileDescriptorProto and DescriptorProto: how source locations name their elements.
_FILE = {"message_type": 4, "enum_type": 5, "service": 6}
_MESSAGE = {"field": 2, "nested_type": 3, "enum_type": 4}
_ENUM = {"value": 2}
_SERVICE = {"method": 2}

Path = tuple[int, ...]


def read_comments(registry: Registry) -> dict[str, str]:
    """Leading comments as one text each, white space at line starts dropped."""
    found: dict[str, str] = {}
    for file in {desc.file.name: desc.file for desc in registry if hasattr(desc, "file")}.values():
        proto: Any = file.proto
        if proto.source_code_info is None:
            continue
        texts = {tuple(each.path): each.leading_comments for each in proto.source_code_info.location}
        for path, name in _names(proto, proto.package, (), _FILE):
            if texts.get(path):
                found[name] = "\n".join(line.strip() for line in texts[path].strip().splitlines())
    return found


def _names(element: Any, scope: str, path: Path, kinds: dict[str, int]) -> Iterator[tuple[Path, str]]:
    for kind, number in kinds.items():
        children: Sequence[Any] = getattr(element, kind)
        for index, child in enumerate(children):
            name, at = f"{scope}.{child.name}", (*path, number, index)
            yield at, name
            yield from _names(child, name, at, _INSIDE.get(kind, {}))


_INSIDE = {"message_type": _MESSAGE, "nested_type": _MESSAGE, "enum_type": _ENUM, "service": _SERVICE}
