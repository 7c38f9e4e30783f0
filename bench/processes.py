"""The processes of a run: their CPU time and memory as the kernel counts them, and programs started for a while."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PROC = Path("/proc")
LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0


class NotStarted(Exception):
    """A program ended, or did not listen in time; the text holds the end of its output."""


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads, since it began.

    The sum of utime and stime in /proc/<pid>/stat, but from the process's own clock, which is not rounded to 10 ms.
    Raises ProcessLookupError.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        raise ProcessLookupError(f"no process {pid}") from None


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        children.setdefault(_parent(pid), []).append(pid)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _parent(pid: int) -> int:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])  # the name before it may hold spaces and brackets


def proportional_bytes(pid: int) -> int:
    """Proportional set size: pages shared by n processes count 1/n here. 0 for a process that has just ended."""
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def environment(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = (PROC / str(pid) / "environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def executable(pid: int) -> str:
    return os.readlink(PROC / str(pid) / "exe")


class Meter:
    """CPU time by name; each name stands for some processes and their children."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = groups

    def read(self) -> dict[str, float]:
        """Seconds by name."""
        return {name: sum(_of_tree(pid) for pid in roots) for name, roots in self._groups.items()}


def _of_tree(root: int) -> float:
    total = cpu_seconds(root)
    for pid in tree(root)[1:]:
        try:
            total += cpu_seconds(pid)
        except ProcessLookupError:
            continue
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def program(argv: Sequence[str | Path], env: Mapping[str, str], port: int, log: Path, cwd: Path) -> Iterator[int]:
    """Runs a program that listens on `port`, and ends it; its process id. Raises NotStarted."""
    with log.open("wb") as output:
        process = subprocess.Popen([*map(str, argv)], env=dict(env), cwd=cwd, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + START_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > until:
                raise NotStarted(f"{argv[0]}: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
