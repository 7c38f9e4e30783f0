"""What must be true before anything is started: nobody else runs, the ports are free."""

import asyncio
from collections.abc import Mapping

from deploy.local.probe import is_free
from deploy.local.process import StartFailed
from services.chassis.topology import PORT_BASE, Topology


def ports(topology: Topology, components: frozenset[str]) -> dict[int, str]:
    """The ports the named components will listen on, and what each is for."""
    edge, engines, tools = topology.edge, topology.engines, topology.tools
    wanted: dict[str, Mapping[int, str]] = {
        "envoy": {edge.https: "https", edge.http: "http", edge.admin: "admin", edge.observe: "observe"},
        "transcoder": {edge.transcoder: "http", edge.transcoder_metrics: "metrics"},
        "postgres": {engines.postgres: "sql"},
        "redis": {engines.redis: "redis"},
        "nats": {engines.nats: "nats", engines.nats_monitor: "monitor"},
        "elasticsearch": {engines.elasticsearch: "http"},
        "sandbox": {tools.sandbox: "http"},
        "collector": {tools.collector: "otlp", tools.traces: "page"},
    }
    for part in topology.services.values():
        wanted[part.name] = {part.grpc: "grpc", part.metrics: "metrics"}
    return {
        port: f"{name} {purpose}"
        for name, listened in wanted.items()
        if name in components
        for port, purpose in listened.items()
    }


async def check_ports(wanted: Mapping[int, str], *, patience: float = 0.0, base: int) -> None:
    """StartFailed for the first port in use after `patience` seconds: a mesh that was killed needs a moment to end."""
    deadline = asyncio.get_running_loop().time() + patience
    for port, purpose in wanted.items():
        while not is_free(port):
            if asyncio.get_running_loop().time() >= deadline:
                raise StartFailed(
                    f"port {port} ({purpose}) is in use; {PORT_BASE}={_other(base)} moves all ports of the mesh"
                )
            await asyncio.sleep(0.1)


def _other(base: int) -> int:
    return base + 10_000 if base + 10_000 <= 60_000 else 8000
