"""Composition: settings to a running listener, and back down in reverse."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from ipaddress import ip_address
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP2Settings
from granian.server.embed import Server

from edge.portal.openapi import build
from edge.portal.pages import portal
from edge.transcoder.app import Transcoder
from edge.transcoder.cache import ResponseCache
from edge.transcoder.contract import Contract
from edge.transcoder.purge import Purger
from edge.transcoder.readiness import Watch
from edge.transcoder.request import MAX_SECONDS
from edge.transcoder.settings import TranscoderSettings
from edge.transcoder.upstream import Upstream, service_of
from services.chassis.channels import RENEWAL_CHECK_SECONDS
from services.chassis.ops import serve_ops
from services.chassis.supervision import Supervised
from services.chassis.tls import Identity

log = structlog.get_logger("edge.transcoder")


async def serve(settings: TranscoderSettings) -> None:
    """Serves until SIGTERM or SIGINT; then reports not ready, waits, closes."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    contract = Contract(settings.descriptors)
    async with AsyncExitStack() as stack:
        upstreams = _upstreams(contract, settings, stack)
        watch = Watch(contract, upstreams)
        _supervise(stack, "readiness", watch.run)
        if settings.metrics_listen:
            stack.push_async_callback(await serve_ops(settings.metrics_listen, watch.readiness))
        cache = ResponseCache(settings.transcoder_cache_bytes)
        document = build(contract, settings.public_url)
        app = Transcoder(
            contract,
            upstreams,
            pages=portal(watch.readiness, document),
            cache=cache,
            max_body_bytes=settings.edge_max_body_bytes,
            stream_seconds=settings.edge_stream_duration,
            trace_ratio=settings.trace_ratio,
        )
        if settings.nats_url:
            purger = Purger(contract, cache, app.forget_tokens, settings.nats_url, _bus_tls(settings))
            _supervise(stack, "purges", purger.run)
        renewal = CertificateRenewal(_identity(settings)) if settings.transcoder_tls else None
        server = listener(app, settings)
        serving = asyncio.create_task(server.serve())
        stack.push_async_callback(_end, serving)
        if renewal is not None:
            _supervise(stack, "certificate", lambda: renewal.run(server))
        log.info("listening", address=settings.listen, services=sorted(upstreams))
        await asyncio.wait({serving, asyncio.ensure_future(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
        watch.readiness.draining = True
        await _drain(app, settings.transcoder_drain if stopping.is_set() else 0)
        server.stop()  # type: ignore[no-untyped-call]
        await serving


async def _drain(app: Transcoder, delay: float) -> None:
    """Waits for Envoy to notice, then for the requests under way; streams that outlast that are resumed elsewhere."""
    await asyncio.sleep(delay)
    ends = asyncio.get_running_loop().time() + (MAX_SECONDS if delay else 0)
    while app.under_way and asyncio.get_running_loop().time() < ends:
        await asyncio.sleep(0.05)


def listener(app: Any, settings: TranscoderSettings) -> Server:
    """The HTTP server, in this process and on this loop. Raises ValueError where it would take plain calls from afar."""
    host, _, port = settings.listen.rpartition(":")
    if not (settings.transcoder_tls or settings.environment == "development" or _is_loopback(host)):
        raise ValueError("KERYA_TRANSCODER_TLS is off: only development, or a loopback address, may go without it")
    server = Server(
        app,
        address=host,
        port=int(port),
        interface=Interfaces.ASGINL,
        http=HTTPModes.auto,
        websockets=True,
        backlog=1024,
        # Envoy bounds what is under way; a second, smaller bound here would only hide it.
        backpressure=4096,
        http2_settings=HTTP2Settings(max_concurrent_streams=1024),
        log_enabled=False,
    )
    if settings.transcoder_tls:
        load_certificate(server, _identity(settings))
    return server


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def load_certificate(server: Server, identity: Identity) -> None:
    """Makes the server's next worker speak TLS 1.3 with the certificate as it is now, to callers of our authority."""
    files = [identity.directory / name for name in ("cert.pem", "key.pem", "ca.pem")]
    cert, key, authority = files
    server.build_ssl_context(cert, key, None, SSLProtocols.tls13, authority, [], True)


class CertificateRenewal:
    """Starts a new worker beside the old one whenever the certificate was renewed; no connection is refused between."""

    def __init__(self, identity: Identity) -> None:
        """To be made before the listener: what is renewed from now on is taken up."""
        self._identity = identity
        self._version = identity.version

    async def run(self, server: Server, interval: float = RENEWAL_CHECK_SECONDS) -> None:
        """Looks every `interval` seconds."""
        while True:
            await asyncio.sleep(interval)
            # While a file is being replaced, the one in use is still good.
            with suppress(OSError, ssl.SSLError):
                self._look(server)

    def _look(self, server: Server) -> None:
        version = self._identity.version
        if version != self._version:
            load_certificate(server, self._identity)
            server.reload()  # type: ignore[no-untyped-call]
            self._version = version


def _identity(settings: TranscoderSettings) -> Identity:
    if settings.tls_directory is None:
        raise ValueError("KERYA_TRANSCODER_TLS needs KERYA_TLS_DIRECTORY")
    return Identity(settings.tls_directory)


def _upstreams(contract: Contract, settings: TranscoderSettings, stack: AsyncExitStack) -> dict[str, Upstream]:
    identity = Identity(settings.tls_directory) if settings.tls_directory else None
    made: dict[str, Upstream] = {}
    for name, target in settings.targets.items():
        methods = [method for method in contract.methods if service_of(method) == name]
        made[name] = Upstream(name, target, methods, identity)
        stack.push_async_callback(made[name].close)
    return made


def _bus_tls(settings: TranscoderSettings) -> ssl.SSLContext | None:
    encrypted = (settings.nats_url or "").startswith("tls://")
    return Identity(settings.tls_directory).client_context() if encrypted and settings.tls_directory else None


def _supervise(stack: AsyncExitStack, name: str, work: Callable[[], Awaitable[None]]) -> None:
    supervised = Supervised(name, work)
    supervised.start()
    stack.push_async_callback(supervised.stop)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
