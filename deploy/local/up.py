"""`kerya up`: the whole mesh in the foreground, from preparation to the orderly end."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from deploy.local import mesh, pki, preflight, secrets
from deploy.local.component import Component, Status
from deploy.local.console import Console, facts
from deploy.local.environment import ENVIRONMENT, Settings
from deploy.local.files import replace
from deploy.local.home import Home
from deploy.local.lock import AlreadyRunning, Lock
from deploy.local.process import StartFailed
from deploy.local.supervisor import Supervisor
from services.chassis import topology

_RENEWAL_CHECK = 600.0
_STALE_PATIENCE = 15.0


@dataclass(frozen=True)
class Options:
    """How to run; `only` and `without` name components."""

    only: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    reload: bool = False


class Interrupts:
    """The first Ctrl-C, SIGTERM or hang-up asks for an orderly end; the second ends at once."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(signum, self._note)

    def _note(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()


async def up(console: Console, options: Options) -> int:
    """Runs until it is told to end; the exit code."""
    began = time.monotonic()
    interrupts = Interrupts()
    interrupts.listen()
    home = Home.find()
    try:
        home.prepare()
        lock = Lock.acquire(home.lock)
    except (AlreadyRunning, StartFailed) as refusal:
        console.problem(str(refusal))
        return 1
    try:
        settings, components = await _prepare(console, home, options, lock.stale)
        return await _run(console, settings, components, options, interrupts, began)
    except (StartFailed, topology.TopologyError) as refusal:
        console.problem(str(refusal))
        return 1
    finally:
        home.state.unlink(missing_ok=True)
        lock.release()


def prepare_state(home: Home) -> Settings:
    """The state directory with its secrets and identities; what is there already stays."""
    parts = topology.load()
    home.prepare()
    secrets.ensure(home.secrets, parts)
    pki.ensure(home.pki, parts, ENVIRONMENT)
    return Settings(parts, home, dict(os.environ))


async def _prepare(
    console: Console, home: Home, options: Options, stale: int | None
) -> tuple[Settings, list[Component]]:
    if stale is not None:
        console.note(f"cleaned the lock of process {stale}, which ended without giving it back")
    settings = prepare_state(home)
    for name in mesh.missing(settings):
        console.note(f"{name} is skipped: its package is not in the source tree")
    components = mesh.select(mesh.components(settings), options.only, options.without)
    wanted = preflight.ports(settings.topology, frozenset(part.name for part in components))
    patience = 0.0 if stale is None else _STALE_PATIENCE
    await preflight.check_ports(wanted, patience=patience, base=settings.topology.port_base)
    return settings, components


async def _run(
    console: Console,
    settings: Settings,
    components: list[Component],
    options: Options,
    interrupts: Interrupts,
    began: float,
) -> int:
    supervisor = Supervisor(
        components,
        on_line=console.line,
        on_change=lambda status, reason: _note(console, settings.home, supervisor, status, reason),
        forgiving=options.reload,
    )
    try:
        async with _beside(_renew(console, settings)), _beside(_reload(supervisor, components, options)):
            if await _unless(interrupts.stop, supervisor.start()):
                _announce(console, settings, supervisor.statuses, time.monotonic() - began)
                await _unless(interrupts.stop, supervisor.broken())
        return 0
    except StartFailed as failure:
        console.problem(str(failure), failure.tail)
        return 1
    finally:
        console.note("stopping")
        await _unless(interrupts.hurry, supervisor.stop())
        await supervisor.kill()
        console.note("stopped")


def _announce(console: Console, settings: Settings, statuses: list[Status], seconds: float) -> None:
    """The table, where to go from here, and the line everybody waits for."""
    names = {status.name for status in statuses}
    console.table(statuses, _links(settings, names))
    where = f" — {settings.public_url}" if "envoy" in names else ""
    console.note(f"kerya is ready in {seconds:.1f} s{where}", ready=True, seconds=round(seconds, 2))


def _links(settings: Settings, names: set[str]) -> dict[str, str]:
    url, ports = settings.public_url, settings.topology
    sandbox = {"sandbox": f"http://127.0.0.1:{ports.tools.sandbox}"} if "sandbox" in names else {}
    if "envoy" not in names:
        return sandbox
    return {
        "API": url,
        "reference": f"{url}/docs",
        "health": f"{url}/status",
        **sandbox,
        "Envoy admin": f"http://127.0.0.1:{ports.edge.admin}",
        "try": f"curl --cacert {_shown(settings)}/ca.pem {url}/v1/properties:search",
    }


def _shown(settings: Settings) -> str:
    """The identities' folder as a person would type it here."""
    return os.path.relpath(settings.home.pki)


def _note(console: Console, home: Home, supervisor: Supervisor, status: Status, reason: str) -> None:
    console.change(status, reason)
    known = {"pid": os.getpid(), "components": [facts(each) for each in supervisor.statuses]}
    replace(home.state, orjson.dumps(known))


async def _renew(console: Console, settings: Settings) -> None:
    """Replaces certificates past half their life; whoever uses them watches the files."""
    while True:
        await asyncio.sleep(_RENEWAL_CHECK)
        for name in pki.ensure(settings.home.pki, settings.topology, ENVIRONMENT):
            console.note(f"renewed the certificate of {name}")


async def _reload(supervisor: Supervisor, components: list[Component], options: Options) -> None:
    if options.reload:
        from deploy.local.reload import watch  # its native module is not needed otherwise

        await watch(supervisor, components)


async def _unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Does the work; False, with the work cancelled, when the event comes first."""
    task, waiting = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        waiting.cancel()
        await _cancelled(task)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs the work for as long as the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await _cancelled(task)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
