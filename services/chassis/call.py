"""The RPC under way: what the stages of a server pass from one to the next, and what clients propagate."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from services.chassis.principal import ANONYMOUS, Principal
from services.chassis.rules import MethodRule


@dataclass(slots=True)
class Call:
    """One RPC under way. `payload` is the request as it came over the wire, `deadline` in seconds of the loop's clock."""

    rule: MethodRule
    context: Any
    payload: Any
    metadata: Mapping[str, str]
    request: Message | None = None
    principal: Principal = ANONYMOUS
    deadline: float | None = None
    code: str = "OK"
    trailers: list[tuple[str, str | bytes]] = field(default_factory=list)

    def trail(self, key: str, value: str | bytes) -> None:
        """Adds trailing metadata to the answer, whatever it will be."""
        self.trailers.append((key, value))
        self.context.set_trailing_metadata(tuple(self.trailers))


_current: ContextVar[Call | None] = ContextVar("kerya_call", default=None)


def current_call() -> Call | None:
    """The RPC this task works on; None in jobs and consumers."""
    return _current.get()


def enter(call: Call) -> None:
    """Makes `call` the one this task works on; gRPC runs each RPC in a task of its own."""
    _current.set(call)


def caller() -> Principal:
    """Who calls the RPC under way; anonymous outside one."""
    call = _current.get()
    return call.principal if call else ANONYMOUS
