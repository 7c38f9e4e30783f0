"""Runs a service: `run(build, Settings)` is all that its `__main__` says.

Without arguments it serves until SIGTERM; `migrate` brings its database to the newest version and ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import structlog
import uvloop

from services.chassis import logs, telemetry
from services.chassis.contract import Contract
from services.chassis.runtime import start
from services.chassis.service import Chassis, Service
from services.chassis.settings import ChassisSettings

S = TypeVar("S", bound=ChassisSettings)
Build = Callable[[Chassis, S], Awaitable[Service]]

# Past drain and grace something hangs; gRPC's own threads would keep the process for ever.
LAST_RESORT_SECONDS = 15.0

log = structlog.get_logger(__name__)


def run(build: Build[S], settings_type: type[S]) -> None:
    """Serves, or migrates the service that `build`, of its `app` module, puts together."""
    package = build.__module__.rpartition(".")[0]
    settings = settings_type()
    logs.configure(settings.service, settings.log_level)
    if sys.argv[1:] == ["migrate"]:
        asyncio.run(_migrate(settings, package))
    elif sys.argv[1:]:
        sys.exit(f"usage: python -m {package} [migrate]")
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(build, settings, package))


async def _migrate(settings: ChassisSettings, package: str) -> None:
    # Imported where it is used: Alembic takes a fifth of a service's start.
    from services.chassis.migrations import upgrade

    await upgrade(settings.database_url.get_secret_value(), package)


async def _serve(build: Build[Any], settings: ChassisSettings, package: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.configure(settings))
        if settings.migrate_on_start:
            await _migrate(settings, package)
        await start(stack, build, settings, Contract.load())
        log.info("serving", address=settings.listen)
        await stopped.wait()
        log.info("stopping")
        loop.call_later(settings.drain_delay + settings.drain_grace + LAST_RESORT_SECONDS, os._exit, 1)
