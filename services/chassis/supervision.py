"""Background work that has to go on: it is started again when it fails, and stopped with the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.chassis.metrics import counter

log = structlog.get_logger(__name__)
FAILURES = counter("background_failures", "Times background work ended with an error and was started again.", ["work"])


class Supervised:
    """Runs `work` until `stop`. When it fails, or returns, it runs again after `pause` seconds."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], *, pause: float = 1.0) -> None:
        self._name = name
        self._work = work
        self._pause = pause
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the work; a second start changes nothing."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """Cancels the work and waits for its end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            try:
                await self._work()
            except Exception as error:
                FAILURES.labels(self._name).inc()
                # The type alone: a driver's text may quote a row.
                log.warning("background work failed", work=self._name, error=type(error).__name__)
                log.debug("background work failed", work=self._name, exc_info=error)
            await asyncio.sleep(self._pause)
