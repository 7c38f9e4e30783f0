"""The generated pages under docs/: access matrix, event catalogue, error reasons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto

from services.chassis.contract import Contract
from services.chassis.rules import AccessRule, MethodRule

NOTE = "<!-- Written by `make gen` from proto/. -->\n\n"


def write_pages(descriptors: FileDescriptorSet, contract: Contract, out: Path) -> None:
    """Writes docs/{access,events,errors}.md under `out`."""
    docs = out / "docs"
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "access.md").write_text(NOTE + "\n".join(_access(descriptors, contract)) + "\n")
    (docs / "events.md").write_text(NOTE + "\n".join(_events(descriptors, contract)) + "\n")
    (docs / "errors.md").write_text(NOTE + "\n".join(_errors(contract)) + "\n")


def _access(descriptors: FileDescriptorSet, contract: Contract) -> Iterator[str]:
    yield "# Who may call what\n"
    yield "| RPC | REST | who | API key scopes | limit | idempotency key |"
    yield "|---|---|---|---|---|---|"
    for file in descriptors.file:
        for service in file.service:
            for method in service.method:
                rule = contract.methods.get(f"/{file.package}.{service.name}/{method.name}")
                if rule is not None:
                    yield _access_row(rule, method)


def _access_row(rule: MethodRule, method: MethodDescriptorProto) -> str:
    limit = f"{rule.limit.rate} / {rule.limit.period:g} s{' per address' if rule.limit.by_address else ''}"
    scopes = ", ".join(sorted(rule.access.scopes)) or "–"
    rpc = f"`{rule.service.removeprefix('kerya.')}/{rule.name}`"
    return f"| {rpc} | {_rest(method)} | {who(rule.access)} | {scopes} | {limit} | {rule.idempotency.name.lower()} |"


def who(access: AccessRule) -> str:
    """An access rule in words."""
    if access.public:
        return "everybody"
    people = [role.lower() for role in sorted(access.roles)]
    workloads = [f"the {name} service" for name in sorted(access.internal)]
    owners = f"; answers only to {' or '.join(access.owners)}" if access.owners else ""
    return ", ".join(people + workloads) + owners


def _rest(method: MethodDescriptorProto) -> str:
    rule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    return f"`{verb.upper()} {getattr(rule, verb)}`" if verb else "–"


def _events(descriptors: FileDescriptorSet, contract: Contract) -> Iterator[str]:
    yield "# Events\n"
    for file in descriptors.file:
        streams = contract.streams_of(file.package) if file.name.endswith("_events.proto") else []
        for stream in streams:
            yield f"## {stream.name}\n"
            yield f"Kept {stream.max_age / 86400:g} days, at most {stream.max_bytes >> 20} MiB. Owner: `{file.package}`.\n"
            yield "| subject | message | what happened |"
            yield "|---|---|---|"
            yield from _event_rows(file, stream.name, contract)
            yield ""


def _event_rows(file: FileDescriptorProto, stream: str, contract: Contract) -> Iterator[str]:
    comments = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    for index, message in enumerate(file.message_type):
        rule = contract.events.get(f"{file.package}.{message.name}")
        if rule is not None and rule.stream == stream:
            text = " ".join(comments.get((4, index), "").split())
            yield f"| `{rule.subject}` | `{message.name}` | {text} |"


def _errors(contract: Contract) -> Iterator[str]:
    yield "# Error reasons\n"
    domains: dict[str, list[str]] = {}
    for (domain, reason), rule in contract.reasons.items():
        row = f"| `{reason}` | {rule.code} | {rule.texts['en']} | {rule.texts['fr']} | {rule.texts['ar']} |"
        domains.setdefault(domain, []).append(row)
    for domain, rows in domains.items():
        yield f"## {domain}\n"
        yield "| reason | code | en | fr | ar |"
        yield "|---|---|---|---|---|"
        yield from rows
        yield ""
