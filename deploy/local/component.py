"""What the supervisor runs: a part of the mesh that can be started, watched and stopped."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from pathlib import Path

from deploy.local.process import Running, Sink


class Stage(IntEnum):
    """The order of stopping, highest first: whoever is called outlives its callers."""

    ENGINE = 0
    TOOL = 1
    SERVICE = 2
    TRANSCODER = 3
    EDGE = 4


class State(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPED = "stopped"


async def nothing(_: Sink) -> None:
    """The preparation of a component that needs none."""


async def no_drain() -> None:
    """The drain of a component whose stop signal is enough."""


@dataclass(frozen=True)
class Component:
    """`start` returns once the part is ready. `prepare` runs before the first start and after a change of `sources`."""

    name: str
    stage: Stage
    start: Callable[[Sink], Awaitable[Running]]
    needs: frozenset[str] = frozenset()
    prepare: Callable[[Sink], Awaitable[None]] = nothing
    drain: Callable[[], Awaitable[None]] = no_drain
    sources: tuple[Path, ...] = ()
    address: str = ""
    grace: float = 10.0


@dataclass
class Status:
    """What is known of a component now."""

    name: str
    address: str
    state: State = State.WAITING
    pid: int | None = None
    restarts: int = 0
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def become(self, state: State, pid: int | None = None) -> None:
        self.state, self.pid, self.since = state, pid, datetime.now(UTC)
