"""Whether the edge can answer: each upstream's grpc.health.v1, asked in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.transcoder.contract import Contract
from edge.transcoder.upstream import Upstream

CHECK = b"/grpc.health.v1.Health/Check"
INTERVAL_SECONDS = 2.0
TIMEOUT_SECONDS = 1.0
_SERVING = 1


@dataclass(slots=True)
class Readiness:
    """The latest finding by service: "SERVING", "NOT_SERVING" or "UNREACHABLE"."""

    services: dict[str, str] = field(default_factory=dict)
    draining: bool = False

    @property
    def ready(self) -> bool:
        """One service that is down makes its own routes fail; only with all of them down is the edge of no use."""
        return not self.draining and any(self.report.values())

    @property
    def report(self) -> dict[str, bool]:
        """Which services answer."""
        return {name: state == "SERVING" for name, state in self.services.items()}

    @property
    def complete(self) -> bool:
        """Whether every service answers."""
        return not self.draining and all(self.report.values())


class Watch:
    """Keeps a Readiness up to date until it is stopped."""

    def __init__(self, contract: Contract, upstreams: Mapping[str, Upstream]) -> None:
        self.readiness = Readiness(dict.fromkeys(upstreams, "UNREACHABLE"))
        self._upstreams = upstreams
        self._answer = contract.message("grpc.health.v1.HealthCheckResponse")

    async def run(self) -> None:
        """Asks every service each INTERVAL_SECONDS, all at once."""
        while True:
            await self.look()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def look(self) -> None:
        """Asks every service once."""
        names = list(self._upstreams)
        for name, state in zip(names, await asyncio.gather(*map(self._state, names)), strict=True):
            self.readiness.services[name] = state

    async def _state(self, name: str) -> str:
        reply = await self._upstreams[name].probe(CHECK, b"", TIMEOUT_SECONDS)
        if reply.code:
            return "UNREACHABLE"
        try:
            answer = self._answer.from_binary(reply.wire)
        except ValueError:
            # One that cannot say how it is must not keep the others' findings back.
            return "NOT_SERVING"
        return "SERVING" if int(getattr(answer, "status", 0)) == _SERVING else "NOT_SERVING"
