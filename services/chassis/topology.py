"""The parts of the mesh and their ports, from deploy/topology.yaml: the one place that knows them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PORT_BASE = "KERYA_PORT_BASE"
DEFAULT_PORT_BASE = 8000
PATH = Path(__file__).resolve().parents[2] / "deploy" / "topology.yaml"

_EDGE_WORKLOADS = ("envoy", "transcoder", "operator")


class TopologyError(ValueError):
    """The file or the port base makes no sense; the text is one line for a person."""


@dataclass(frozen=True)
class EdgePorts:
    """Ports of the way in: `https` and `http` for everybody, the others for operators and Envoy itself."""

    https: int
    http: int
    admin: int
    observe: int
    transcoder: int
    transcoder_metrics: int


@dataclass(frozen=True)
class ServicePart:
    """One deployable: its ports, its database, its contract package, and the services whose stubs it uses."""

    name: str
    grpc: int
    metrics: int
    database: str
    package: str
    calls: tuple[str, ...]


@dataclass(frozen=True)
class EnginePorts:
    postgres: int
    redis: int
    nats: int
    nats_monitor: int
    elasticsearch: int


@dataclass(frozen=True)
class ToolPorts:
    """Development only: the provider sandbox and the receiver of traces."""

    sandbox: int
    collector: int
    traces: int


@dataclass(frozen=True)
class Topology:
    """The mesh. Every port is absolute: the base is already added."""

    trust_domain: str
    edge: EdgePorts
    services: Mapping[str, ServicePart]
    engines: EnginePorts
    tools: ToolPorts
    stream_replicas: int
    port_base: int

    @property
    def workloads(self) -> tuple[str, ...]:
        """Everybody with an identity of their own: the services, the two edge processes, and the operator."""
        return (*self.services, *_EDGE_WORKLOADS)

    def spiffe_id(self, environment: str, workload: str) -> str:
        return f"spiffe://{self.trust_domain}/{environment}/{workload}"


def load(path: Path = PATH, environment: Mapping[str, str] = os.environ) -> Topology:
    """Reads the topology and moves its ports to KERYA_PORT_BASE. Raises TopologyError."""
    base = _port_base(environment.get(PORT_BASE, ""))
    try:
        return _parse(yaml.safe_load(path.read_text()), base)
    except (KeyError, TypeError, yaml.YAMLError) as error:
        raise TopologyError(f"{path.name} is not a topology: {error}") from error


def _port_base(text: str) -> int:
    if not text:
        return DEFAULT_PORT_BASE
    if not text.isdigit() or not 1024 <= int(text) <= 60000:
        raise TopologyError(f"{PORT_BASE} must be a number from 1024 to 60000, it is {text!r}")
    return int(text)


def _parse(raw: Mapping[str, Any], base: int) -> Topology:
    def ports(section: Mapping[str, int]) -> dict[str, int]:
        return {name: base + offset for name, offset in section.items()}

    topology = Topology(
        trust_domain=raw["trust_domain"],
        edge=EdgePorts(**ports(raw["edge"])),
        services={name: _service(name, part, base) for name, part in raw["services"].items()},
        engines=EnginePorts(**ports(raw["engines"])),
        tools=ToolPorts(**ports(raw["tools"])),
        stream_replicas=raw["streams"]["replicas"],
        port_base=base,
    )
    _check_calls(topology)
    return topology


def _service(name: str, part: Mapping[str, Any], base: int) -> ServicePart:
    return ServicePart(
        name=name,
        grpc=base + part["grpc"],
        metrics=base + part["metrics"],
        database=part["database"],
        package=part["package"],
        calls=tuple(part["calls"]),
    )


def _check_calls(topology: Topology) -> None:
    for service in topology.services.values():
        for callee in service.calls:
            if callee not in topology.services:
                raise TopologyError(f"{service.name} calls {callee}, which is no service of the topology")
