"""Health by real checks: liveness, readiness, and one name per dependency, over gRPC and for the ops listener."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as grpc_health

Check = Callable[[], Awaitable[object]]

INTERVAL_SECONDS = 2.0
TIMEOUT_SECONDS = 1.0
LIVENESS = "liveness"
READINESS = "readiness"

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something a service needs. It is ready only while all its `required` ones are up; the others degrade it."""

    check: Check
    required: bool = True


class Health:
    """Checks the dependencies every two seconds and flips the names of `grpc.health.v1` accordingly."""

    def __init__(self, dependencies: Mapping[str, Dependency], services: Iterable[str]) -> None:
        """`services` are the full names of the gRPC services served; they follow readiness."""
        self.servicer = grpc_health.HealthServicer()
        self.report: dict[str, bool] = dict.fromkeys(dependencies, False)
        self._dependencies = dependencies
        # "" is the server as a whole, as the protocol has it.
        self._follow_readiness = ["", READINESS, *services]
        self._draining = False
        self._task: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether calls should be sent here."""
        return not self._draining and all(self.report[name] for name, dep in self._dependencies.items() if dep.required)

    async def start(self) -> None:
        """Checks once, then goes on checking."""
        await self.servicer.set(LIVENESS, _SERVING)
        await self.check()
        self._task = asyncio.create_task(self._watch(), name="health")

    async def check(self) -> None:
        """Checks every dependency now."""
        names = list(self._dependencies)
        results = await asyncio.gather(*(self._is_up(name) for name in names))
        for name, up in zip(names, results, strict=True):
            if up is not self.report[name]:
                log.info("dependency changed", dependency=name, up=up)
            self.report[name] = up
            await self.servicer.set(name, _SERVING if up else _NOT_SERVING)
        await self._publish()

    async def drain(self) -> None:
        """Says NOT_SERVING from now on, so that balancers stop sending."""
        self._draining = True
        if self._task is not None:
            self._task.cancel()
        await self._publish()

    async def _publish(self) -> None:
        status = _SERVING if self.ready else _NOT_SERVING
        for name in self._follow_readiness:
            await self.servicer.set(name, status)

    async def _is_up(self, name: str) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._dependencies[name].check()
        except Exception as error:  # noqa: BLE001  whatever a check raises, the dependency is not usable
            log.debug("dependency check failed", dependency=name, error=type(error).__name__)
            return False
        return True

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.check()
