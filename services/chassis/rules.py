"""The contract's options as plain values: what holds for a method, an event, a stream and an error reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class ContractError(Exception):
    """The contract is incomplete or contradicts itself; nothing may start on it."""


class Idempotency(Enum):
    """Whether a method honours idempotency keys."""

    IGNORED = 0
    ACCEPTED = 1
    REQUIRED = 2


@dataclass(frozen=True, slots=True)
class AccessRule:
    """Who may call a method; see `kerya.contract.v1.Access`."""

    public: bool
    roles: frozenset[str]
    scopes: frozenset[str]
    internal: frozenset[str]
    owners: tuple[str, ...]

    @property
    def internal_only(self) -> bool:
        """Whether only workloads of the mesh may call, and no end user."""
        return bool(self.internal) and not self.roles and not self.public


@dataclass(frozen=True, slots=True)
class LimitRule:
    """How often one caller may call; `period` in seconds."""

    rate: int
    period: float
    by_address: bool
    burst: int
    strict: bool


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How the edge may cache a read; `ttl` in seconds."""

    ttl: float
    vary: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MethodRule:
    """All that the contract says of one RPC. `path` is the gRPC path, "/kerya.user.v1.UserService/GetMe"."""

    path: str
    package: str
    service: str
    name: str
    access: AccessRule
    limit: LimitRule
    idempotency: Idempotency
    cache: CacheRule | None
    headers: tuple[str, ...]
    exchanges_api_key: bool
    reads: bool
    input_type: str
    output_type: str
    client_streaming: bool
    server_streaming: bool

    @property
    def full_name(self) -> str:
        """As OpenTelemetry's `rpc.method` wants it: "kerya.user.v1.UserService/GetMe"."""
        return self.path[1:]


@dataclass(frozen=True, slots=True)
class EventRule:
    """Where an event travels. `aggregate` and `revokes` name fields; `purges` are cache tags with fields in braces."""

    full_name: str
    package: str
    stream: str
    subject: str
    aggregate: str
    revokes: str
    purges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StreamRule:
    """A JetStream stream; `max_age` in seconds."""

    name: str
    package: str
    max_age: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class ReasonRule:
    """An error reason: its domain ("booking.kerya"), canonical code name and texts by language."""

    domain: str
    reason: str
    code: str
    texts: Mapping[str, str]
