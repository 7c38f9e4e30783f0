"""Reads what the transcoder needs from a descriptor set: methods with their http rules and options, and error reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from protobuf import DescMessage, DescMethod, DescService, Message, Registry
from protobuf.wkt import FileDescriptorSet

OPTIONS = "kerya.contract.v1."


class ContractFault(Exception):
    """The descriptor set cannot be served as REST; the text names the method and the fault."""


@dataclass(frozen=True, slots=True)
class HttpBinding:
    """One google.api.http binding: an HTTP method ("*" for any), a path template and what body and response map to."""

    verb: str
    template: str
    body: str
    response_body: str


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How long the edge may answer a read by itself. `ttl` in seconds; `tags` are templates over request fields."""

    ttl: float
    vary: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC as the edge sees it. `path` is its gRPC path, "/package.Service/Name"."""

    path: str
    service: str
    name: str
    desc: DescMethod
    input: DescMessage
    output: DescMessage
    client_streaming: bool
    server_streaming: bool
    bindings: tuple[HttpBinding, ...]
    public: bool
    internal_only: bool
    idempotency: str
    headers: tuple[str, ...]
    cache: CacheRule | None
    exchanges_api_key: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that makes cache entries stale, by tag templates over its fields, or ends tokens."""

    subject: str
    type: type[Message]
    purges: tuple[str, ...]
    revokes: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """What an error reason of the contract means: gRPC code and texts by language."""

    code: int
    texts: dict[str, str]


class Contract:
    """A descriptor set with its methods in file order, its shared error reasons and the events that purge the cache."""

    def __init__(self, descriptor_set: bytes) -> None:
        self.registry = FileDescriptorSet.from_binary(descriptor_set).to_registry()
        self.services = [desc for desc in self.registry if isinstance(desc, DescService)]
        self.methods = [
            _method(self.registry, service, method) for service in self.services for method in service.methods
        ]
        self.reasons = dict(_reasons(self.registry))

    def message(self, name: str) -> type[Message]:
        """The class of a message by full name. Raises ContractFault where the set lacks it."""
        desc = self.registry.message(name)
        if desc is None:
            raise ContractFault(f"the descriptor set lacks {name}")
        return desc.type

    def events(self) -> Iterator[Event]:
        """The events that concern the edge: those that make cache entries or tokens stale."""
        for desc in self.registry:
            if isinstance(desc, DescMessage):
                event = option(self.registry, desc.proto.options, OPTIONS + "event")
                if event is not None and (event.purges or event.revokes):
                    yield Event(event.subject, desc.type, tuple(event.purges), bool(event.revokes))


def option(registry: Registry, options: Message | None, name: str) -> Any:
    """The value of a custom option, None where it is not set."""
    extension = registry.extension(name)
    if options is None or extension is None or extension.type not in options:
        return None
    return options[extension.type]


def _method(registry: Registry, service: DescService, desc: DescMethod) -> Method:
    options = desc.proto.options
    access = option(registry, options, OPTIONS + "access")
    cache = option(registry, options, OPTIONS + "cache")
    idempotency = option(registry, options, OPTIONS + "idempotency")
    return Method(
        path=f"/{service.type_name}/{desc.name}",
        service=service.type_name,
        name=desc.name,
        desc=desc,
        input=desc.input,
        output=desc.output,
        client_streaming=bool(desc.proto.client_streaming),
        server_streaming=bool(desc.proto.server_streaming),
        bindings=tuple(_bindings(option(registry, options, "google.api.http"))),
        public=access is None or bool(access.public),
        internal_only=access is not None and not access.public and not access.roles,
        idempotency=idempotency.name if idempotency is not None else "",
        headers=tuple(option(registry, options, OPTIONS + "headers") or ()),
        cache=CacheRule(seconds(cache.ttl), tuple(cache.vary), tuple(cache.tags)) if cache is not None else None,
        exchanges_api_key=bool(option(registry, options, OPTIONS + "exchanges_api_key")),
    )


def _bindings(rule: Any) -> Iterator[HttpBinding]:
    if rule is None or rule.pattern is None:
        return
    verb, template = rule.pattern.field.upper(), rule.pattern.value
    if verb == "CUSTOM":
        verb, template = template.kind, template.path
    yield HttpBinding(verb, template, rule.body, rule.response_body)
    for extra in rule.additional_bindings:
        if extra.additional_bindings:
            raise ContractFault(f"{template}: additional_bindings go one level deep")
        yield from _bindings(extra)


def _reasons(registry: Registry) -> Iterator[tuple[str, Reason]]:
    enum = registry.enum(OPTIONS + "ErrorReason")
    for value in enum.values if enum else ():
        reason = option(registry, value.proto.options, OPTIONS + "reason")
        if reason is not None:
            yield value.name, Reason(int(reason.code), {"en": reason.en, "fr": reason.fr, "ar": reason.ar})


def seconds(duration: str) -> float:
    """Seconds of a Duration in JSON form, "1.5s"."""
    if not duration.endswith("s"):
        raise ContractFault(f"not a duration: {duration!r}")
    return float(duration[:-1])
