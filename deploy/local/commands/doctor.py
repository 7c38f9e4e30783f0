"""`kerya doctor`: what this machine has and lacks for running the mesh, one line each."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers

_GIB = 1 << 30
_MEMORY = 2 * _GIB  # the mesh at rest, and room for its work
_DISK = 2 * _GIB

Check = tuple[bool, str]


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("doctor", help="check whether this machine can run the mesh")
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    home = Home.find()
    results = [*_machine(home), *_programs(), *_ports(home), *_state(home)]
    for good, text in results:
        print(f"{'ok ' if good else 'BAD'} {text}")
    return 0 if all(good for good, _ in results) else 1


def _machine(home: Home) -> Iterator[Check]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield sys.version_info >= (3, 11), f"Python {version} (3.11 or later)"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield memory >= _MEMORY, f"memory {memory / _GIB:.1f} GiB (at least {_MEMORY / _GIB:.0f})"
    existing = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield free >= _DISK, f"free space under {existing} {free / _GIB:.1f} GiB (at least {_DISK / _GIB:.0f})"


def _programs() -> Iterator[Check]:
    from deploy.local.engines import binaries

    found: tuple[Callable[[], object], ...] = (
        lambda: binaries.postgres_bin(binaries.unprivileged()) / "postgres",
        binaries.redis_server,
        binaries.nats_server,
        binaries.envoy,
    )
    for locate in found:
        try:
            yield True, f"{locate()}"
        except binaries.MissingBinary as missing:
            yield False, str(missing)


def _ports(home: Home) -> Iterator[Check]:
    from deploy.local import preflight
    from deploy.local.lock import holder
    from deploy.local.probe import is_free
    from services.chassis import topology

    if (pid := holder(home.lock)) is not None:
        yield True, f"ports are in use by the mesh that runs here (process {pid})"
        return
    parts = topology.load()
    every = frozenset({"envoy", "transcoder", "postgres", "redis", "nats", "sandbox", "collector", *parts.services})
    wanted = preflight.ports(parts, every)
    busy = [f"{port} ({purpose})" for port, purpose in wanted.items() if not is_free(port)]
    if busy:
        yield False, f"ports in use: {', '.join(busy)}; {topology.PORT_BASE} moves all"
    else:
        yield True, f"{len(wanted)} ports are free from {topology.PORT_BASE}={parts.port_base}"


def _state(home: Home) -> Iterator[Check]:
    from deploy.local.engines import binaries

    if not home.root.exists():
        yield True, f"no state yet; the first run makes {home.root}"
        return
    yield home.is_ours(), f"state in {home.root}"
    elsewhere = binaries.outside(home.engine("postgres"))
    if elsewhere.exists():
        yield True, f"PostgreSQL's data is in {elsewhere}: its account may not enter {home.root}"
    if home.secrets.exists():
        private = home.secrets.stat().st_mode & 0o077 == 0
        yield private, f"secrets are {'private' if private else 'readable by others'}: {home.secrets}"
