"""Restarts what was edited: `kerya up --reload`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from watchfiles import DefaultFilter, awatch

from deploy.local.component import Component
from deploy.local.home import SOURCES
from deploy.local.supervisor import Supervisor

_WATCHED = ("services", "edge", "gen", "deploy")


async def watch(supervisor: Supervisor, components: Iterable[Component]) -> None:
    """Runs until it is cancelled."""
    sources = {component.name: component.sources for component in components}
    folders = [SOURCES / name for name in _WATCHED if (SOURCES / name).exists()]
    async for changes in awatch(
        *folders, watch_filter=DefaultFilter(ignore_dirs=(*DefaultFilter.ignore_dirs, ".kerya"))
    ):
        supervisor.touch(affected((Path(path) for _, path in changes), sources))


def affected(changed: Iterable[Path], sources: Mapping[str, Iterable[Path]]) -> set[str]:
    """The components one of whose sources contains a changed file."""
    files = list(changed)
    return {
        name
        for name, folders in sources.items()
        if any(file.is_relative_to(folder) for folder in folders for file in files)
    }
