"""The environment each process of the mesh is started with."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import secrets
from deploy.local.engines import nats, postgres, redis
from deploy.local.home import SOURCES, Home
from deploy.local.probe import LOOPBACK
from services.chassis.topology import ServicePart, Topology

ENVIRONMENT = "development"


@dataclass(frozen=True)
class Settings:
    """One mesh on this machine: its parts, its state, and the engines' coordinates and passwords."""

    topology: Topology
    home: Home
    outer: Mapping[str, str]

    @property
    def cluster(self) -> postgres.Cluster:
        roles = {name: secrets.postgres_password(self.home.secrets, name) for name in self.topology.services}
        password = secrets.postgres_password(self.home.secrets, postgres.SUPERUSER)
        return postgres.Cluster(self.home.engine("postgres"), self.topology.engines.postgres, password, roles)

    @property
    def store(self) -> redis.Store:
        password = secrets.read(self.home.secrets, "redis.password")
        return redis.Store(self.home.engine("redis"), self.topology.engines.redis, password)

    @property
    def bus(self) -> nats.Server:
        users = ("operator", *self.topology.services)
        passwords = {user: secrets.nats_password(self.home.secrets, user) for user in users}
        ports = self.topology.engines
        return nats.Server(self.home.engine("nats"), ports.nats, ports.nats_monitor, passwords)

    @property
    def public_url(self) -> str:
        return f"https://localhost:{self.topology.edge.https}"

    def common(self, workload: str) -> dict[str, str]:
        """What every process gets. A variable the caller has set already wins over ours."""
        ports = self.topology
        ours = {
            "KERYA_ENVIRONMENT": ENVIRONMENT,
            "KERYA_SERVICE": workload,
            "KERYA_TLS_DIRECTORY": str(self.home.pki / workload),
            "KERYA_SECRETS_DIRECTORY": str(self.home.secrets),
            "KERYA_TARGETS": json.dumps({name: _at(part.grpc) for name, part in ports.services.items()}),
            "KERYA_OTLP_ENDPOINT": f"http://{_at(ports.tools.collector)}",
            "KERYA_TRACE_RATIO": "1",
            "KERYA_LOG_LEVEL": "INFO",
            "KERYA_PUBLIC_URL": self.public_url,
            "KERYA_HOME": str(self.home.root),
            "KERYA_PORT_BASE": str(ports.port_base),
            "PYTHONPATH": os.pathsep.join((str(SOURCES), str(SOURCES / "gen"))),
            "PYTHONUNBUFFERED": "1",
            # gRPC's core writes lines of its own, which are no JSON; what matters of them comes as a status, too.
            "GRPC_VERBOSITY": "NONE",
        }
        return {**self.outer, **ours, **_chosen(self.outer, ours)}

    def service(self, part: ServicePart) -> dict[str, str]:
        """A service's environment."""
        sandbox = f"http://{_at(self.topology.tools.sandbox)}"
        return {
            **self.common(part.name),
            "KERYA_LISTEN": _at(part.grpc),
            "KERYA_METRICS_LISTEN": _at(part.metrics),
            # `kerya up` has migrated all databases by then, in one process.
            "KERYA_MIGRATE_ON_START": "false",
            "KERYA_DATABASE_URL": self.cluster.url(part.name, part.database),
            "KERYA_REDIS_URL": self.store.url(),
            "KERYA_NATS_URL": self.bus.url(part.name),
            "KERYA_STREAM_REPLICAS": str(self.topology.stream_replicas),
            "KERYA_STRIPE_BASE_URL": self.outer.get("KERYA_STRIPE_BASE_URL", f"{sandbox}/stripe"),
            "KERYA_SENDGRID_BASE_URL": self.outer.get("KERYA_SENDGRID_BASE_URL", f"{sandbox}/sendgrid"),
        }

    def transcoder(self) -> dict[str, str]:
        return {
            **self.common("transcoder"),
            "KERYA_LISTEN": _at(self.topology.edge.transcoder),
            "KERYA_METRICS_LISTEN": _at(self.topology.edge.transcoder_metrics),
            "KERYA_REDIS_URL": self.store.url(),
            "KERYA_NATS_URL": self.bus.url("operator"),
        }

    def sandbox(self) -> dict[str, str]:
        return {
            **self.common("sandbox"),
            "KERYA_SANDBOX_LISTEN": _at(self.topology.tools.sandbox),
            "KERYA_SANDBOX_DIRECTORY": str(self.home.root / "sandbox"),
        }

    def collector(self) -> dict[str, str]:
        return {
            **self.common("collector"),
            "KERYA_COLLECTOR_LISTEN": _at(self.topology.tools.collector),
            "KERYA_COLLECTOR_HTTP_LISTEN": _at(self.topology.tools.traces),
            "KERYA_COLLECTOR_DIRECTORY": str(self.home.root / "traces"),
        }


def sources(*names: str) -> tuple[Path, ...]:
    """Folders of the source tree, from its top."""
    return tuple(SOURCES / name for name in names)


def _at(port: int) -> str:
    return f"{LOOPBACK}:{port}"


_FOR_THE_CALLER = ("KERYA_LOG_LEVEL", "KERYA_TRACE_RATIO", "KERYA_OTLP_ENDPOINT")


def _chosen(outer: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    return {name: outer[name] for name in _FOR_THE_CALLER if name in outer and name in ours}
