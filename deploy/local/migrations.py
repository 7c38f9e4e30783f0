"""Brings the databases of services to their newest version: `python -m deploy.local.migrations SERVICE…`.

What `python -m services.<name> migrate` does, for several services in one process that imports none of them: at the
start of the mesh this saves two thirds of the processor time.
"""

import asyncio
import os
import sys

from deploy.local.environment import Settings
from deploy.local.home import Home
from services.chassis.migrations import upgrade
from services.chassis.topology import load


async def migrate(settings: Settings, names: list[str]) -> None:
    """One after the other: Alembic's context is the process's."""
    for name in names:
        await upgrade(settings.cluster.url(name, settings.topology.services[name].database), f"services.{name}")
        print(f"{name} is at its newest version", flush=True)


if __name__ == "__main__":
    asyncio.run(migrate(Settings(load(), Home.find(), dict(os.environ)), sys.argv[1:]))
