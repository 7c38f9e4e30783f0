"""Small real processes that stand for parts of the mesh."""

import sys
from pathlib import Path

from deploy.local.component import Component, Stage
from deploy.local.process import Running, Sink, spawn, until_ready

# Says it is there by a file, and on SIGTERM writes its name to the common journal.
_PROGRAM = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def end(*_):
    with (folder / "journal").open("a") as journal:
        journal.write(name + "\\n")
    raise SystemExit(0)
signal.signal(signal.SIGTERM, end)
with (folder / "started").open("a") as started:
    started.write(name + "\\n")
(folder / name).touch()
print("hello from", name, flush=True)
time.sleep(600)
"""


def component(folder: Path, name: str, stage: Stage, *needs: str, sources: tuple[Path, ...] = ()) -> Component:
    """A process that runs until it is told to end."""

    async def start(sink: Sink) -> Running:
        (folder / name).unlink(missing_ok=True)
        running = await spawn(name, [sys.executable, "-I", "-S", "-c", _PROGRAM, name, str(folder)], sink=sink)
        await until_ready(running, lambda: _exists(folder / name), within=10)
        return running

    return Component(name, stage, start, frozenset(needs), sources=sources)


def failing(name: str, text: str) -> Component:
    """A process that ends before it is ready, with `text` as its last words."""

    async def start(sink: Sink) -> Running:
        program = f"print({text!r}); raise SystemExit(3)"
        running = await spawn(name, [sys.executable, "-I", "-S", "-c", program], sink=sink)
        await until_ready(running, lambda: _exists(Path("/nonexistent")), within=10)
        return running

    return Component(name, Stage.SERVICE, start)


async def _exists(path: Path) -> bool:
    return path.exists()
