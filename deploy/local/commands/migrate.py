"""`kerya migrate`: brings every database to its service's version, on the running mesh or without one."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("migrate", help="bring every database to its service's version")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="these only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    asyncio.run(_migrate(arguments.services))
    return 0


async def _migrate(names: list[str]) -> None:
    from deploy.local import mesh
    from deploy.local.engines import postgres
    from deploy.local.lock import holder
    from deploy.local.process import StartFailed
    from deploy.local.up import prepare_state

    home = Home.find()
    settings = prepare_state(home)
    if unknown := set(names) - settings.topology.services.keys():
        raise StartFailed(f"no service is called {', '.join(sorted(unknown))}")
    running = None if holder(home.lock) else await postgres.start(settings.cluster)
    try:
        await mesh.migrate(settings, names or settings.topology.services, print)
    finally:
        if running:
            await running.stop()
