"""The components of the mesh: the engines, every service of the topology, the edge, and the development tools."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from deploy.local.component import Component, Stage
from deploy.local.engines import envoy, nats, postgres, redis
from deploy.local.environment import Settings, sources
from deploy.local.home import SOURCES
from deploy.local.probe import http_ok, listens
from deploy.local.process import Probe, Running, Sink, StartFailed, run_to_end, spawn, until_ready
from services.chassis.topology import ServicePart

ENGINES = frozenset({"postgres", "redis", "nats"})
_SHARED = ("services/chassis", "gen/kerya")
_START_LIMIT = 60.0  # seconds until a Python process must be ready; a cold machine compiles its imports first
_DRAIN_LIMIT = 3.0
_GATHERING = 0.02  # seconds in which services that became ready to migrate together find each other


def components(settings: Settings) -> list[Component]:
    """Everything there is to run. A part whose package is not in the source tree is left out."""
    migrations = Migrations(settings)
    parts = [part for part in settings.topology.services.values() if _exists("services", part.name)]
    services = [_service(settings, part, migrations) for part in parts]
    tools = [part for name, part in _tools(settings).items() if _exists("deploy/local", name)]
    edge = []
    if _exists("edge", "transcoder"):
        edge.append(_transcoder(settings))
    if _exists("edge", "envoy"):
        edge.append(_envoy(settings, frozenset(part.name for part in (*services, *edge))))
    return [*engines(settings), *tools, *services, *edge]


def missing(settings: Settings) -> list[str]:
    """The parts of the topology that have no package yet."""
    expected = [("services", name) for name in settings.topology.services]
    expected += [("edge", "transcoder"), ("edge", "envoy"), *(("deploy/local", name) for name in _tools(settings))]
    return [name for room, name in expected if not _exists(room, name)]


def select(parts: list[Component], only: frozenset[str], without: frozenset[str]) -> list[Component]:
    """The parts that are asked for, and what those need. StartFailed for a name that is none."""
    known = {part.name: part for part in parts}
    for name in (only | without) - known.keys():
        raise StartFailed(f"no component is called {name}; there are {', '.join(known)}")
    wanted, reached = list(only or known), set[str]()
    while wanted:
        name = wanted.pop()
        if name in known and name not in reached:
            reached.add(name)
            wanted += known[name].needs
    return [part for part in parts if part.name in reached - without]


def engines(settings: Settings) -> list[Component]:
    """PostgreSQL, Redis and NATS."""
    ports = settings.topology.engines
    starts: dict[str, tuple[int, Callable[[Sink], Awaitable[Running]]]] = {
        "postgres": (ports.postgres, lambda sink: postgres.start(settings.cluster, sink=sink)),
        "redis": (ports.redis, lambda sink: redis.start(settings.store, sink=sink)),
        "nats": (ports.nats, lambda sink: nats.start(settings.bus, sink=sink)),
    }
    return [
        Component(name, Stage.ENGINE, start, address=f"127.0.0.1:{port}", grace=20)
        for name, (port, start) in starts.items()
    ]


async def migrate(settings: Settings, names: Iterable[str], sink: Sink | None = None) -> None:
    """Brings the databases of these services to their newest version. Raises StartFailed."""
    argv = [sys.executable, "-m", "deploy.local.migrations", *names]
    await run_to_end("migrations", argv, env=settings.common("operator"), cwd=SOURCES, sink=sink)


class Migrations:
    """Migrates all services that ask at about the same moment in one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names: set[str] = set()
        self._batch: asyncio.Task[None] | None = None

    async def bring(self, name: str, sink: Sink) -> None:
        """Returns once the service's database is at its newest version. Raises StartFailed."""
        self._names.add(name)
        if self._batch is None:
            self._batch = asyncio.create_task(self._run(sink))
        await self._batch

    async def _run(self, sink: Sink) -> None:
        await asyncio.sleep(_GATHERING)
        names, self._names, self._batch = self._names, set(), None
        await migrate(self._settings, sorted(names), sink)


def _service(settings: Settings, part: ServicePart, migrations: Migrations) -> Component:
    component = _python(
        part.name,
        Stage.SERVICE,
        f"services.{part.name}",
        lambda: settings.service(part),
        lambda: http_ok(part.metrics, "/readyz"),
    )
    return replace(
        component,
        needs=ENGINES,
        prepare=partial(migrations.bring, part.name),
        sources=sources(f"services/{part.name}", *_SHARED),
        address=f"127.0.0.1:{part.grpc}",
        grace=30,
    )


def _transcoder(settings: Settings) -> Component:
    port = settings.topology.edge.transcoder
    component = _python(
        "transcoder", Stage.TRANSCODER, "edge.transcoder", settings.transcoder, lambda: http_ok(port, "/readyz")
    )
    return replace(
        component,
        needs=ENGINES,
        sources=sources("edge/transcoder", "edge/portal", *_SHARED),
        address=f"http://127.0.0.1:{port}",
        grace=20,
    )


def _tools(settings: Settings) -> dict[str, Component]:
    ports = settings.topology.tools
    sandbox = _python(
        "sandbox", Stage.TOOL, "deploy.local.sandbox", settings.sandbox, lambda: http_ok(ports.sandbox, "/healthz")
    )
    collector = _python(
        "collector",
        Stage.TOOL,
        "deploy.local.collector",
        settings.collector,
        lambda: listens(ports.collector),
    )
    return {
        "sandbox": replace(
            sandbox, sources=sources("deploy/local/sandbox"), address=f"http://127.0.0.1:{ports.sandbox}"
        ),
        "collector": replace(
            collector, sources=sources("deploy/local/collector"), address=f"127.0.0.1:{ports.collector}"
        ),
    }


def _python(
    name: str, stage: Stage, module: str, environment: Callable[[], Mapping[str, str]], ready: Probe
) -> Component:
    async def start(sink: Sink) -> Running:
        running = await spawn(name, [sys.executable, "-m", module], env=environment(), cwd=SOURCES, sink=sink)
        await until_ready(running, ready, within=_START_LIMIT)
        return running

    return Component(name, stage, start)


def _envoy(settings: Settings, upstreams: frozenset[str]) -> Component:
    proxy = envoy.Proxy(settings.home.envoy_config, settings.topology.edge.admin)

    async def prepare(sink: Sink) -> None:
        """The edge builds the configuration for this machine's ports and files."""
        argv = [sys.executable, "-m", "edge.envoy", "--output", str(proxy.config)]
        await run_to_end("envoy configuration", argv, env=settings.common("envoy"), cwd=SOURCES, sink=sink)

    return Component(
        "envoy",
        Stage.EDGE,
        lambda sink: envoy.start(proxy, sink=sink),
        needs=upstreams,
        prepare=prepare,
        drain=lambda: envoy.drain(proxy, within=_DRAIN_LIMIT),
        sources=sources("edge/envoy", "deploy/topology.yaml", "gen/descriptors.binpb"),
        address=settings.public_url,
    )


def _exists(room: str, name: str) -> bool:
    return (SOURCES / room / name / "__main__.py").is_file()
