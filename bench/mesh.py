"""The whole mesh as a process of its own, on free ports, in a state directory that is gone afterwards."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import NotStarted, environment, listens

ROOT = Path(__file__).absolute().parents[1]
READY = b"kerya is ready in"
# Limits out of the way, and no traces: what is measured is the work itself.
QUIET = {"KERYA_LIMIT_SCALE": "100000", "KERYA_TRACE_RATIO": "0", "KERYA_EDGE_ADDRESS_RATE": "0"}
# Offsets from the port base, as deploy/topology.yaml gives them.
HTTP, TRANSCODER, SANDBOX = 80, 90, 600
_PROBED = (80, 90, 101, 102, 103, 104, 443, 422, 532, 600, 679, 822, 1901, 1902)
_START_SECONDS = 120.0


@dataclass
class Mesh:
    """A running mesh; `seconds` is how long it took from the command to the ready line."""

    home: Path
    base: int
    process: subprocess.Popen[bytes]
    seconds: float

    @property
    def http(self) -> int:
        """The port of the development listener: plain HTTP/1.1."""
        return self.base + HTTP

    def status(self) -> dict[str, dict[str, Any]]:
        """The components by name."""
        state = json.loads((self.home / "run" / "state.json").read_bytes())
        return {part["component"]: part for part in state["components"]}

    def pid(self, component: str) -> int:
        return int(self.status()[component]["pid"])

    def environment(self, component: str) -> dict[str, str]:
        """What the component was started with."""
        return environment(self.pid(component))

    def kill(self, component: str) -> None:
        os.kill(self.pid(component), signal.SIGKILL)


@contextmanager
def state_directory() -> Iterator[Path]:
    """A folder for a mesh's state; deleted in the end, with what its database keeps elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="kerya-bench-"))
    home.chmod(0o711)  # PostgreSQL runs as another account where we are root
    try:
        yield home
    finally:
        subprocess.run(
            [sys.executable, "-m", "deploy.local.cli", "down", "--wipe"],
            cwd=ROOT,
            env=mesh_environment(home, 0),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running(home: Path, settings: Mapping[str, str] = QUIET) -> Iterator[Mesh]:
    """`kerya up` until its ready line, and Ctrl-C in the end. Raises NotStarted."""
    command = [sys.executable, "-m", "deploy.local.cli", "up"]
    with started(command, ROOT, home, settings) as mesh:
        yield mesh


@contextmanager
def started(command: Sequence[str], cwd: Path, home: Path, settings: Mapping[str, str]) -> Iterator[Mesh]:
    """The same by another command, in its own process group: Ctrl-C reaches what the command starts."""
    base = free_base()
    log = home.with_suffix(".log")
    env = {**mesh_environment(home, base, cwd), **settings}
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_ready(process, log, began)
        yield Mesh(home, base, process, time.monotonic() - began)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        log.unlink()


def _wait_ready(process: subprocess.Popen[bytes], log: Path, began: float) -> None:
    while READY not in log.read_bytes():
        if process.poll() is not None or time.monotonic() - began > _START_SECONDS * 2:
            raise NotStarted(log.read_text(errors="replace")[-3000:])
        time.sleep(0.02)


def mesh_environment(home: Path, base: int, source: Path = ROOT) -> dict[str, str]:
    """Ours without settings of another mesh, and where this one lives."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KERYA_")}
    return {
        **inherited,
        "KERYA_HOME": str(home),
        "KERYA_PORT_BASE": str(base),
        "PYTHONPATH": os.pathsep.join([str(source), str(source / "gen")]),
        "NO_COLOR": "1",
    }


def free_base() -> int:
    """A port base, below the ports that connections go out from, where nobody listens."""
    for _ in range(50):
        base = random.randrange(10, 31) * 1000
        if not any(listens(base + offset) for offset in _PROBED):
            return base
    raise NotStarted("no free range of ports")
