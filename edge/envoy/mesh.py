"""Who is behind the edge, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.envoy.config import LOOPBACK
from services.chassis.topology import Topology

TRANSCODER = "transcoder"
ADMIN = "admin"
COLLECTOR = "collector"


@dataclass(frozen=True)
class Address:
    """Host name or IP, and TCP port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Reads "host:port"; ValueError where it is not that."""
        host, _, port = text.rpartition(":")
        if not host:
            raise ValueError(f"{text!r} is not host:port")
        return cls(host.strip("[]"), int(port))

    @property
    def is_ip(self) -> bool:
        return self.host.replace(".", "").isdigit() or ":" in self.host


@dataclass(frozen=True)
class Upstream:
    """A service: its workload name, its gRPC address, its proto package."""

    name: str
    address: Address
    package: str


@dataclass(frozen=True)
class Mesh:
    """The services behind the edge, the transcoder beside it, and the edge's own ports."""

    trust_domain: str
    services: tuple[Upstream, ...]
    transcoder: Address
    https: int
    http: int
    admin: int
    observe: int

    @classmethod
    def of(cls, topology: Topology, targets: Mapping[str, str]) -> Mesh:
        """The topology, on loopback; `targets` ("host:port" by name, `transcoder` too) says where a part is elsewhere."""

        def address(name: str, port: int) -> Address:
            return Address.parse(targets[name]) if name in targets else Address(LOOPBACK, port)

        services = (
            Upstream(part.name, address(part.name, part.grpc), part.package) for part in topology.services.values()
        )
        return cls(
            trust_domain=topology.trust_domain,
            services=tuple(services),
            transcoder=address(TRANSCODER, topology.edge.transcoder),
            https=topology.edge.https,
            http=topology.edge.http,
            admin=topology.edge.admin,
            observe=topology.edge.observe,
        )
