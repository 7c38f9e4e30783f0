"""A small mesh for the tests of the RPC plane: real servers with mutual TLS, serving the user service's contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from deploy.local import pki
from services.chassis.client import MeshChannel
from services.chassis.contract import Contract
from services.chassis.errors import no_details
from services.chassis.health import Health
from services.chassis.rpc.access import AccessStage
from services.chassis.rpc.deadline import DeadlineStage
from services.chassis.rpc.errors import ErrorStage
from services.chassis.rpc.identity import IdentityStage
from services.chassis.rpc.pipeline import Pipeline
from services.chassis.rpc.server import RpcServer
from services.chassis.rpc.telemetry import TelemetryStage
from services.chassis.rpc.validate import ValidateStage
from services.chassis.settings import ChassisSettings
from services.chassis.tls import Identity
from services.chassis.tokens import KeyFile, TokenVerifier

CONTRACT = Contract.load()


def issue(home: Path, workload: str, *, made: datetime | None = None, authority: str = "authority") -> Identity:
    """An identity of the test's own authority; `made` long ago gives an expired one."""
    now = datetime.now(UTC)
    found = pki._authority(home / authority, now)
    sans: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(f"spiffe://kerya/development/{workload}"),
        x509.DNSName(workload),
    ]
    key, certificate = found.issue(workload, sans, made or now)
    folder = home / f"{workload}-{len(list(home.iterdir()))}"
    folder.mkdir()
    for name, content in {"ca.pem": found.pem, "key.pem": key, "cert.pem": certificate}.items():
        (folder / name).write_bytes(content)
    return Identity(folder)


def renew(home: Path, identity: Identity, workload: str) -> None:
    """Replaces the files of an identity by fresh ones, as the supervisor does; the certificate last."""
    fresh = issue(home, workload)
    for name in ("key.pem", "cert.pem"):
        (identity.directory / name).write_bytes((fresh.directory / name).read_bytes())


def settings(**changed: Any) -> ChassisSettings:
    """Settings of a server on a free port."""
    base: dict[str, Any] = {
        "service": "user",
        "listen": "127.0.0.1:0",
        "database_url": "x",
        "redis_url": "x",
        "nats_url": "x",
        "drain_delay": 0.0,
        "drain_grace": 5.0,
    }
    return ChassisSettings(**{**base, **changed})


@asynccontextmanager
async def serving(
    register: Any, servicer: object, identity: Identity | None, home: Path, **changed: Any
) -> AsyncIterator[tuple[str, RpcServer]]:
    """Serves until the block ends; answers the address and the server."""
    chosen = settings(**changed)
    keys = home / "jwks.json"
    if not keys.exists():
        keys.write_text(json.dumps({"keys": []}))
    stages = [
        TelemetryStage(),
        ErrorStage(CONTRACT, no_details),
        DeadlineStage(chosen.default_deadline, chosen.max_deadline),
        IdentityStage(TokenVerifier(KeyFile(keys)), "development", mutual_tls=identity is not None),
        AccessStage(),
        ValidateStage(),
    ]
    health = Health({}, ["kerya.user.v1.UserService"])
    await health.start()
    server = RpcServer(chosen, CONTRACT, Pipeline(CONTRACT, stages), health, identity)
    port = await server.start([(register, servicer)])
    try:
        yield f"127.0.0.1:{port}", server
    finally:
        await server.stop()


@asynccontextmanager
async def channel(name: str, target: str, identity: Identity | None) -> AsyncIterator[Any]:
    """A mesh channel, closed at the end of the block."""
    made = MeshChannel(name, target, CONTRACT, identity, default_deadline=5.0)
    try:
        yield made
    finally:
        await made.close()


EXPIRED = datetime.now(UTC) - timedelta(days=30)
