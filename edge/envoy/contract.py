"""The contract as Envoy needs it: the chassis' rules, and the paths of the REST API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from kerya.contract.v1 import contract_pb2
from services.chassis.contract import DESCRIPTORS
from services.chassis.contract import Contract as Rules
from services.chassis.rules import MethodRule, ReasonRule

# Of the error reasons that every part shares.
DOMAIN = "kerya"

_VARIABLE = re.compile(r"\{([^}=]+)(?:=([^}]*))?\}")


@dataclass(frozen=True)
class Template:
    """A path of the REST API in the grammar of google.api.http, and the HTTP method it is for ("" for any)."""

    method: str
    path: str

    @property
    def regex(self) -> str:
        """RE2 that matches the whole path, query excluded."""
        plain = _VARIABLE.sub(lambda variable: variable[2] or "*", self.path)
        pieces = re.split(r"(\*\*|\*)", plain)
        return "".join({"**": ".*", "*": "[^/]+"}.get(piece) or re.escape(piece) for piece in pieces)

    @property
    def variables(self) -> list[str]:
        """The request fields the path carries."""
        return [variable[1] for variable in _VARIABLE.finditer(self.path)]

    @property
    def spans_segments(self) -> bool:
        """Whether a variable can hold more than one segment: only there is %2F a part of a value."""
        return any(
            "/" in (variable[2] or "") or "**" in (variable[2] or "") for variable in _VARIABLE.finditer(self.path)
        )


@dataclass(frozen=True)
class Rpc:
    """One RPC: its rule, and its paths. `secret_path`: a path variable is marked SECRET, so the path must not be logged."""

    rule: MethodRule
    templates: tuple[Template, ...]
    secret_path: bool

    @property
    def internal_only(self) -> bool:
        return self.rule.access.internal_only

    @property
    def streams(self) -> bool:
        return self.rule.client_streaming or self.rule.server_streaming


@dataclass(frozen=True)
class Contract:
    """All RPCs of the packages under `kerya.`, and the error reasons every part shares, by name."""

    rpcs: tuple[Rpc, ...]
    reasons: dict[str, ReasonRule]

    @classmethod
    def load(cls, path: Path = DESCRIPTORS) -> Contract:
        """Reads the descriptor set that `make gen` writes. Raises ContractError where an RPC is not fully declared."""
        rules = Rules.load(path)
        templates = _templates_by_path(FileDescriptorSet.FromString(path.read_bytes()))
        return cls(
            rpcs=tuple(_rpc(rule, templates[rule.path], rules.personal) for rule in rules.methods.values()),
            reasons={name: rule for (domain, name), rule in rules.reasons.items() if domain == DOMAIN},
        )

    def of_package(self, package: str) -> list[Rpc]:
        return [rpc for rpc in self.rpcs if rpc.rule.package == package]

    @property
    def spans_segments(self) -> bool:
        """Whether any path variable can hold more than one segment."""
        return any(template.spans_segments for rpc in self.rpcs for template in rpc.templates)


def _rpc(rule: MethodRule, templates: tuple[Template, ...], personal: Mapping[str, Mapping[str, int]]) -> Rpc:
    marks = personal.get(rule.input_type, {})
    variables = {name for template in templates for name in template.variables}
    return Rpc(rule, templates, any(marks.get(name) == contract_pb2.SECRET for name in variables))


def _templates_by_path(files: FileDescriptorSet) -> dict[str, tuple[Template, ...]]:
    return {
        f"/{file.package}.{service.name}/{method.name}": tuple(
            _templates(method.options.Extensions[annotations_pb2.http])
        )
        for file in files.file
        for service in file.service
        for method in service.method
    }


def _templates(rule: http_pb2.HttpRule) -> Iterator[Template]:
    pattern = rule.WhichOneof("pattern")
    if pattern == "custom":
        yield Template("" if rule.custom.kind == "*" else rule.custom.kind, rule.custom.path)
    elif pattern:
        yield Template(pattern.upper(), getattr(rule, pattern))
    for binding in rule.additional_bindings:
        yield from _templates(binding)
