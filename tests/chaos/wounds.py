"""How the mesh is hurt: components killed, or stopped and let go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.journeys.mesh import Mesh

SERVICES = ("user", "property", "booking", "notification")
ENGINES = ("postgres", "redis", "nats")
EDGE = ("transcoder", "envoy")
COMPONENTS = (*SERVICES, *EDGE, *ENGINES)
BACK_WITHIN = 90.0


def kill(mesh: Mesh, component: str) -> int:
    """kill -9; the count of restarts before it. Waits until the component is there to be killed."""
    mesh.wait_ready(component, within=BACK_WITHIN)
    before = int(mesh.status()[component]["restarts"])
    mesh.kill(component)
    return before


def wait_back(mesh: Mesh, component: str, before: int) -> None:
    """Waits until the supervisor has noticed the death and brought the component back."""
    until = time.monotonic() + BACK_WITHIN
    while (now := mesh.status()[component])["state"] != "ready" or now["restarts"] <= before:
        assert time.monotonic() < until, f"{component} did not come back: {now}"
        time.sleep(0.1)


@contextmanager
def frozen(mesh: Mesh, component: str) -> Iterator[None]:
    """Stops a component within the block: it holds its connections and answers nothing."""
    pids = _family(int(mesh.status()[component]["pid"]))
    for pid in pids:
        _send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            _send(pid, signal.SIGCONT)


def heal(mesh: Mesh) -> None:
    """Waits until every component is ready."""
    mesh.wait_ready(within=BACK_WITHIN)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # a session of PostgreSQL that ended meanwhile
        os.kill(pid, number)


def _family(pid: int) -> list[int]:
    """The process and its children: PostgreSQL has one for every session."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _family(int(child)))]
