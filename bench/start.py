"""How long the mesh takes until it is ready, and how much memory it holds then."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, Target
from bench.mesh import ROOT, Mesh, running, started, state_directory
from bench.processes import proportional_bytes, tree
from bench.samples import summary

READY_SECONDS = Target("<=", 15.0)
CLONE_SECONDS = Target("<=", 120.0)
MEMORY_GIB = Target("<=", 1.3)
GIB = 1 << 30
REST_SECONDS = 10.0


def run(short: bool, note: Callable[[str], None]) -> list[Figure]:
    """Fresh and repeated starts; in the full form from a bare clone, too."""
    first, again, memory = [], [], []
    for number in range(1 if short else 3):
        with state_directory() as home:
            note(f"start {number + 1} with an empty state directory, then again with a filled one")
            with running(home, {}) as mesh:
                first.append(mesh.seconds)
                time.sleep(REST_SECONDS)
                memory.append(_memory(mesh))
            with running(home, {}) as mesh:
                again.append(mesh.seconds)
    figures = [
        _seconds("to ready, first start, dependencies installed", first, READY_SECONDS),
        _seconds("to ready, every further start", again, READY_SECONDS),
        _at_rest(memory),
    ]
    return figures if short else [*figures, _from_clone(note)]


def _seconds(name: str, samples: list[float], target: Target) -> Figure:
    found = summary(samples)
    return Figure(name, found.median, "s", target, spread=found.spread)


def _memory(mesh: Mesh) -> dict[str, float]:
    """GiB by component, the supervisor's own under `supervisor`."""
    roots = {name: int(part["pid"]) for name, part in mesh.status().items()}
    held = {name: sum(map(proportional_bytes, tree(pid))) / GIB for name, pid in roots.items()}
    whole = sum(map(proportional_bytes, tree(mesh.process.pid))) / GIB
    return {**held, "supervisor": whole - sum(held.values())}


def _at_rest(samples: list[dict[str, float]]) -> Figure:
    found = summary([sum(sample.values()) for sample in samples])
    parts = {f"{name} GiB": summary([sample[name] for sample in samples]).median for name in samples[0]}
    return Figure("memory of the whole mesh at rest", found.median, "GiB", MEMORY_GIB, parts, found.spread)


def _from_clone(note: Callable[[str], None]) -> Figure:
    """`git clone`, then `make run`: with the virtual environment, and whatever that downloads."""
    note("cloning, installing, starting")
    with tempfile.TemporaryDirectory(prefix="kerya-clone-") as folder, state_directory() as home:
        clone = Path(folder) / "kerya"
        began = time.monotonic()
        subprocess.run(
            ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--no-local", str(ROOT), str(clone)],
            check=True,
        )
        cloned = time.monotonic() - began
        with started(["make", "run"], clone, home, {}) as mesh:
            parts = {"of it cloning s": cloned}
            return Figure(
                "to ready, from a bare clone with `make run`", cloned + mesh.seconds, "s", CLONE_SECONDS, parts
            )
