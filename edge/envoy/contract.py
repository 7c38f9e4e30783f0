"""What the edge needs to know of the contract, read from the descriptor set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from kerya.contract.v1 import contract_pb2

DESCRIPTORS = Path(contract_pb2.__file__).parents[3] / "descriptors.binpb"
SHARED_REASONS = "kerya.contract.v1"

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
    """One RPC. `secret_path`: a path variable is marked SECRET, so the path must not be logged."""

    service: str
    name: str
    package: str
    internal_only: bool
    client_streaming: bool
    server_streaming: bool
    templates: tuple[Template, ...]
    secret_path: bool

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def streams(self) -> bool:
        return self.client_streaming or self.server_streaming

    @property
    def reads(self) -> bool:
        """Whether it is bound to GET, and so may be sent again."""
        return bool(self.templates) and self.templates[0].method == "GET"


@dataclass(frozen=True)
class Reason:
    """An error reason every part shares: its canonical code's number, and its texts by language."""

    code: int
    texts: dict[str, str]


@dataclass(frozen=True)
class Contract:
    """All RPCs of the packages under `kerya.`, and the shared error reasons by name."""

    rpcs: tuple[Rpc, ...]
    reasons: dict[str, Reason]

    @classmethod
    def load(cls, path: Path = DESCRIPTORS) -> Contract:
        """Reads the descriptor set that `make gen` writes."""
        return cls.of(FileDescriptorSet.FromString(path.read_bytes()))

    @classmethod
    def of(cls, files: FileDescriptorSet) -> Contract:
        own = [file for file in files.file if file.package.startswith("kerya.")]
        secrets = {secret for file in own for secret in _secret_fields(file)}
        return cls(
            rpcs=tuple(rpc for file in own for rpc in _rpcs(file, secrets)),
            reasons={name: reason for file in own for name, reason in _shared_reasons(file)},
        )

    def of_package(self, package: str) -> list[Rpc]:
        return [rpc for rpc in self.rpcs if rpc.package == package]

    @property
    def spans_segments(self) -> bool:
        """Whether any path variable can hold more than one segment."""
        return any(template.spans_segments for rpc in self.rpcs for template in rpc.templates)


def _rpcs(file: FileDescriptorProto, secrets: set[str]) -> Iterator[Rpc]:
    for service in file.service:
        for method in service.method:
            access = method.options.Extensions[contract_pb2.access]
            templates = tuple(_templates(method.options.Extensions[annotations_pb2.http]))
            variables = {f"{method.input_type}.{name}" for template in templates for name in template.variables}
            yield Rpc(
                service=f"{file.package}.{service.name}",
                name=method.name,
                package=file.package,
                internal_only=not access.public and not access.roles,
                client_streaming=method.client_streaming,
                server_streaming=method.server_streaming,
                templates=templates,
                secret_path=bool(variables & secrets),
            )


def _templates(rule: http_pb2.HttpRule) -> Iterator[Template]:
    pattern = rule.WhichOneof("pattern")
    if pattern == "custom":
        yield Template("" if rule.custom.kind == "*" else rule.custom.kind, rule.custom.path)
    elif pattern:
        yield Template(pattern.upper(), getattr(rule, pattern))
    for binding in rule.additional_bindings:
        yield from _templates(binding)


def _secret_fields(file: FileDescriptorProto) -> Iterator[str]:
    for message in file.message_type:
        for field in message.field:
            if field.options.Extensions[contract_pb2.personal] == contract_pb2.SECRET:
                yield f".{file.package}.{message.name}.{field.name}"


def _shared_reasons(file: FileDescriptorProto) -> Iterator[tuple[str, Reason]]:
    if file.package != SHARED_REASONS:
        return
    for enum in file.enum_type:
        for value in enum.value:
            reason = value.options.Extensions[contract_pb2.reason]
            if reason.code:
                yield value.name, Reason(reason.code, {"en": reason.en, "fr": reason.fr, "ar": reason.ar})
