"""The contract as the transcoder needs it: the chassis' rules, flat for the hot path, and the http rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protobuf import DescMessage, DescMethod, DescService, Message, Registry
from protobuf.wkt import FileDescriptorSet

from services.chassis.contract import Contract as Rules
from services.chassis.rules import CacheRule, Idempotency, MethodRule

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
class Method:
    """An RPC as the edge sees it; all but `desc` and what it names is as in the chassis' MethodRule."""

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
    idempotency: Idempotency
    headers: tuple[str, ...]
    cache: CacheRule | None
    exchanges_api_key: bool
    reads: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that makes cache entries stale, by tag templates over its fields, or ends tokens."""

    subject: str
    type: type[Message]
    purges: tuple[str, ...]
    revokes: bool


class Contract:
    """What the chassis reads of a descriptor set, and beside it the RPCs as REST: the http rules, in file order."""

    def __init__(self, descriptors: Path) -> None:
        """Raises ContractError where an RPC is not fully declared, so that none is open to all by omission."""
        self.rules = Rules.load(descriptors)
        self.registry = FileDescriptorSet.from_binary(descriptors.read_bytes()).to_registry()
        services = [desc for desc in self.registry if isinstance(desc, DescService)]
        self.methods = [
            _method(self.registry, desc, rule)
            for service in services
            for desc in service.methods
            if (rule := self.rules.methods.get(f"/{service.type_name}/{desc.name}"))
        ]

    def message(self, name: str) -> type[Message]:
        """The class of a message by full name. Raises ContractFault where the set lacks it."""
        desc = self.registry.message(name)
        if desc is None:
            raise ContractFault(f"the descriptor set lacks {name}")
        return desc.type

    def events(self) -> Iterator[Event]:
        """The events that concern the edge: those that make cache entries or tokens stale."""
        for rule in self.rules.events.values():
            if rule.purges or rule.revokes:
                yield Event(rule.subject, self.message(rule.full_name), rule.purges, bool(rule.revokes))


def option(registry: Registry, options: Message | None, name: str) -> Any:
    """The value of a custom option, None where it is not set."""
    extension = registry.extension(name)
    if options is None or extension is None or extension.type not in options:
        return None
    return options[extension.type]


def _method(registry: Registry, desc: DescMethod, rule: MethodRule) -> Method:
    return Method(
        path=rule.path,
        service=rule.service,
        name=rule.name,
        desc=desc,
        input=desc.input,
        output=desc.output,
        client_streaming=rule.client_streaming,
        server_streaming=rule.server_streaming,
        bindings=tuple(_bindings(option(registry, desc.proto.options, "google.api.http"))),
        public=rule.access.public,
        internal_only=rule.access.internal_only,
        idempotency=rule.idempotency,
        headers=rule.headers,
        cache=rule.cache,
        exchanges_api_key=rule.exchanges_api_key,
        reads=rule.reads,
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
