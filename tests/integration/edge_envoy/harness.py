"""An Envoy with the built configuration, in front of a gRPC service and a REST process, all real, on free ports."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.local.engines import binaries
from deploy.local.probe import free_ports
from deploy.local.process import Running, Sink, spawn, until_ready
from edge.envoy.mesh import Address, Mesh, Upstream
from edge.envoy.output import write
from edge.envoy.settings import Settings
from tests.integration.edge_envoy.certificates import Authority
from tests.integration.edge_envoy.demo_contract import PACKAGE, demo_contract
from tests.integration.edge_envoy.grpc_upstream import GrpcUpstream

ROOT = Path(__file__).resolve().parents[3]


class TokenIssuer:
    """Signs tokens as the user service does."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        point = base64.urlsafe_b64encode(self.key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        self.key_set = {
            "keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": point}]
        }

    def token(self, *, key: Ed25519PrivateKey | None = None, **claims: Any) -> str:
        now = int(time.time())
        good = {"iss": "kerya", "aud": "kerya", "sub": "user_1", "iat": now, "nbf": now, "exp": now + 600}
        merged = {name: value for name, value in {**good, **claims}.items() if value is not None}
        return jwt.encode(merged, key or self.key, algorithm="EdDSA", headers={"kid": "k1", "typ": "at+jwt"})


@dataclass
class Edge:
    """A running edge and everything around it."""

    mesh: Mesh
    settings: Settings
    authority: Authority
    issuer: TokenIssuer
    service: GrpcUpstream
    process: Running
    config: Path
    log: list[str] = field(default_factory=list)

    @property
    def https(self) -> str:
        return f"https://localhost:{self.mesh.https}"

    @property
    def ca(self) -> Path:
        return self.authority.root / "edge" / "ca.pem"

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.mesh.http}", timeout=10, **options)

    def access_lines(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log if line.startswith("{")]
        return [line for line in lines if line.get("event.dataset") == "envoy.access"]


@asynccontextmanager
async def running_edge(
    home: Path, *, spanning: bool = False, service: bool = True, **overrides: Any
) -> AsyncIterator[Edge]:
    """Starts the upstreams, then Envoy. `overrides` are settings; `service=False` leaves the gRPC service out."""
    grpc_port, rest_port, https, http, admin, observe = free_ports(6)
    authority, issuer = Authority(home / "pki"), TokenIssuer()
    for name in ("envoy", "demo"):
        authority.workload(name)
    authority.public()
    (home / "jwks.json").write_text(json.dumps(issuer.key_set))
    demo = Upstream("demo", Address("127.0.0.1", grpc_port), PACKAGE)
    mesh = Mesh("kerya", (demo,), Address("127.0.0.1", rest_port), https, http, admin, observe)
    settings = Settings(**{"tls_directory": home / "pki" / "envoy", **overrides})
    write(home / "envoy" / "envoy.yaml", demo_contract(spanning=spanning), mesh, settings)
    async with AsyncExitStack() as stack:
        upstream = GrpcUpstream(grpc_port, authority.root / "demo")
        await upstream.start()
        stack.push_async_callback(upstream.stop)
        rest = await _rest_upstream(rest_port, home / "jwks.json")
        stack.push_async_callback(rest.stop)
        log: list[str] = []
        process = await start_envoy(home / "envoy" / "envoy.yaml", admin, sink=log.append)
        stack.push_async_callback(process.stop)
        yield Edge(mesh, settings, authority, issuer, upstream, process, home / "envoy" / "envoy.yaml", log)


async def start_envoy(config: Path, admin: int, *, sink: Sink | None = None) -> Running:
    """An Envoy of its own shared memory, whose log lines come at once."""
    options = ("--use-dynamic-base-id", "--concurrency", "2", "--log-level", "warn", "--file-flush-interval-msec", "50")
    running = await spawn("envoy", [binaries.envoy(), "--config-path", config, *options], sink=sink)
    await until_ready(running, lambda: _answers(admin, "/ready"))
    return running


async def _rest_upstream(port: int, key_set: Path) -> Running:
    options = ("--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "--no-access-log")
    running = await spawn(
        "rest",
        [sys.executable, "-m", "granian", *options, "tests.integration.edge_envoy.rest_upstream:app"],
        env={**os.environ, "DEMO_JWKS": str(key_set)},
        cwd=ROOT,
    )
    await until_ready(running, lambda: _answers(port, "/v1/ready"))
    return running


async def _answers(port: int, path: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}{path}")).is_success
    except httpx.TransportError:
        return False
