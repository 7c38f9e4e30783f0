"""Reads the contract's options from the descriptor set that `make gen` writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
)
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2

from kerya.contract.v1 import contract_pb2
from services.chassis.rules import (
    AccessRule,
    CacheRule,
    ContractError,
    EventRule,
    Idempotency,
    LimitRule,
    MethodRule,
    ReasonRule,
    StreamRule,
)

DESCRIPTORS = Path(contract_pb2.__file__).parents[3] / "descriptors.binpb"
OWN_PACKAGES = "kerya."
REASON_ENUM = "ErrorReason"


@dataclass(frozen=True)
class Contract:
    """The whole contract. Keys: gRPC path, event full name, stream name, (domain, reason), message full name."""

    methods: dict[str, MethodRule]
    events: dict[str, EventRule]
    streams: dict[str, StreamRule]
    reasons: dict[tuple[str, str], ReasonRule]
    personal: dict[str, dict[str, int]]

    @classmethod
    def load(cls, path: Path = DESCRIPTORS) -> Contract:
        """Reads the descriptor set. Raises ContractError, naming every gap at once, where a rule is missing."""
        return _load(path)

    def event_of(self, message: type | str) -> EventRule:
        """The rule of an event, by generated class or full name."""
        name = message if isinstance(message, str) else message.DESCRIPTOR.full_name  # type: ignore[attr-defined]
        if name not in self.events:
            raise ContractError(f"{name} has no (kerya.contract.v1.event)")
        return self.events[name]

    def streams_of(self, package: str) -> list[StreamRule]:
        """The streams that a package owns."""
        return [stream for stream in self.streams.values() if stream.package == package]

    def methods_of(self, package: str) -> list[MethodRule]:
        """The RPCs of a package."""
        return [method for method in self.methods.values() if method.package == package]


@lru_cache(maxsize=2)
def _load(path: Path) -> Contract:
    files = [
        file for file in FileDescriptorSet.FromString(path.read_bytes()).file if file.package.startswith(OWN_PACKAGES)
    ]
    gaps: list[str] = []
    contract = Contract(
        methods={rule.path: rule for file in files for rule in _methods(file, gaps)},
        events={rule.full_name: rule for file in files for rule in _events(file)},
        streams={rule.name: rule for file in files for rule in _streams(file)},
        reasons={(rule.domain, rule.reason): rule for file in files for rule in _reasons(file, gaps)},
        personal={name: fields for file in files for name, fields in _personal(file)},
    )
    gaps += [
        f"{event.full_name}: stream {event.stream} is not declared"
        for event in contract.events.values()
        if event.stream not in contract.streams
    ]
    gaps += _missing_owner_fields(contract, files)
    if gaps:
        raise ContractError("the contract is not complete:\n  " + "\n  ".join(gaps))
    return contract


def domain_of(package: str) -> str:
    """The ErrorInfo domain of a package: "booking.kerya" for kerya.booking.v1, "kerya" for what all share."""
    name = package.split(".")[1]
    return "kerya" if name == "contract" else f"{name}.kerya"


def _methods(file: FileDescriptorProto, gaps: list[str]) -> Iterator[MethodRule]:
    for service in file.service:
        for method in service.method:
            full_name = f"{file.package}.{service.name}/{method.name}"
            gaps += [f"{full_name}: {gap}" for gap in _gaps(method)]
            yield _method(file.package, service.name, method)


def _gaps(method: MethodDescriptorProto) -> Iterator[str]:
    extensions = method.options.Extensions
    access = extensions[contract_pb2.access]
    limit = extensions[contract_pb2.limit]
    if not (access.public or access.roles or access.internal):
        yield "no access rule"
    if access.public and (access.roles or access.internal or access.scopes or access.owners):
        yield "a public method has no other access rule"
    if access.scopes and not access.roles:
        yield "scopes need roles: an API key acts in its owner's name"
    if limit.rate < 1 or not limit.per:
        yield "no limit"
    internal_only = bool(access.internal) and not access.roles
    bidi = method.client_streaming and method.server_streaming
    has_http = method.options.HasExtension(annotations_pb2.http)
    if not has_http and not bidi and not internal_only:
        yield "no google.api.http rule"
    if has_http and internal_only:
        yield "an internal method has no google.api.http rule"


def _method(package: str, service: str, method: MethodDescriptorProto) -> MethodRule:
    extensions = method.options.Extensions
    cache = extensions[contract_pb2.cache]
    return MethodRule(
        path=f"/{package}.{service}/{method.name}",
        package=package,
        service=f"{package}.{service}",
        name=method.name,
        access=_access(extensions[contract_pb2.access]),
        limit=_limit(extensions[contract_pb2.limit]),
        idempotency=Idempotency(extensions[contract_pb2.idempotency]),
        cache=CacheRule(_seconds(cache.ttl), tuple(cache.vary), tuple(cache.tags)) if cache.ttl else None,
        headers=tuple(extensions[contract_pb2.headers]),
        exchanges_api_key=extensions[contract_pb2.exchanges_api_key],
        reads=_reads(method),
        input_type=method.input_type.lstrip("."),
        output_type=method.output_type.lstrip("."),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
    )


def _reads(method: MethodDescriptorProto) -> bool:
    """GET says it to REST clients; an internal read says it by protobuf's own `idempotency_level`."""
    declared = method.options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return declared or bool(method.options.Extensions[annotations_pb2.http].get)


def _access(access: contract_pb2.Access) -> AccessRule:
    return AccessRule(
        public=access.public,
        roles=frozenset(contract_pb2.Role.Name(role) for role in access.roles),
        scopes=frozenset(access.scopes),
        internal=frozenset(access.internal),
        owners=tuple(access.owners),
    )


def _limit(limit: contract_pb2.Limit) -> LimitRule:
    return LimitRule(
        rate=limit.rate,
        period=_seconds(limit.per) if limit.per else 0.0,
        by_address=limit.key == contract_pb2.Limit.ADDRESS,
        burst=limit.burst or limit.rate,
        strict=limit.strict,
    )


def _seconds(text: str) -> float:
    duration = Duration()
    duration.FromJsonString(text)
    return duration.ToTimedelta().total_seconds()


def _events(file: FileDescriptorProto) -> Iterator[EventRule]:
    for message in file.message_type:
        if message.options.HasExtension(contract_pb2.event):
            event = message.options.Extensions[contract_pb2.event]
            full_name = f"{file.package}.{message.name}"
            yield EventRule(
                full_name,
                file.package,
                event.stream,
                event.subject,
                event.aggregate,
                event.revokes,
                tuple(event.purges),
            )


def _streams(file: FileDescriptorProto) -> Iterator[StreamRule]:
    for stream in file.options.Extensions[contract_pb2.streams]:
        yield StreamRule(stream.name, file.package, _seconds(stream.max_age), stream.max_bytes)


def _reasons(file: FileDescriptorProto, gaps: list[str]) -> Iterator[ReasonRule]:
    for enum in file.enum_type:
        if enum.name != REASON_ENUM:
            continue
        for value in enum.value[1:]:
            reason = value.options.Extensions[contract_pb2.reason]
            texts = {"en": reason.en, "fr": reason.fr, "ar": reason.ar}
            if not reason.code or not all(texts.values()):
                gaps.append(f"{file.package}.{value.name}: a reason needs a code and its text in en, fr and ar")
            yield ReasonRule(domain_of(file.package), value.name, code_pb2.Code.Name(reason.code), texts)


def _personal(file: FileDescriptorProto) -> Iterator[tuple[str, dict[str, int]]]:
    for name, message in _messages(file.package, file.message_type):
        marks = {field.name: int(field.options.Extensions[contract_pb2.personal]) for field in message.field}
        if any(marks.values()):
            yield name, {field: mark for field, mark in marks.items() if mark}


def _messages(prefix: str, messages: Iterable[DescriptorProto]) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        name = f"{prefix}.{message.name}"
        yield name, message
        yield from _messages(name, message.nested_type)


def _missing_owner_fields(contract: Contract, files: list[FileDescriptorProto]) -> Iterator[str]:
    fields = {
        name: {field.name for field in message.field}
        for file in files
        for name, message in _messages(file.package, file.message_type)
    }
    for method in contract.methods.values():
        for owner in method.access.owners:
            if owner not in fields.get(method.output_type, set()):
                yield f"{method.full_name}: owner field {owner} is not in {method.output_type}"
