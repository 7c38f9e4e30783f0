"""Composition: settings to a running listener, and back down in reverse."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
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
from edge.transcoder.ops import serve_metrics
from edge.transcoder.purge import Purger
from edge.transcoder.readiness import Watch
from edge.transcoder.request import MAX_SECONDS
from edge.transcoder.settings import TranscoderSettings
from edge.transcoder.upstream import Upstream, service_of
from services.chassis.channels import RENEWAL_CHECK_SECONDS
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
        _in_background(stack, watch.run())
        if settings.metrics_listen:
            stack.push_async_callback(await serve_metrics(settings.metrics_listen))
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
            _in_background(stack, _purger(contract, cache, app, settings.nats_url, settings).run())
        server = listener(app, settings)
        serving = _in_background(stack, server.serve())
        if settings.transcoder_tls:
            _in_background(stack, renew_certificate(server, _identity(settings)))
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
    """The HTTP server, in this process and on this loop."""
    host, _, port = settings.listen.rpartition(":")
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


def load_certificate(server: Server, identity: Identity) -> None:
    """Makes the server's next worker speak TLS 1.3 with the certificate as it is now, to callers of our authority."""
    files = [identity.directory / name for name in ("cert.pem", "key.pem", "ca.pem")]
    cert, key, authority = files
    server.build_ssl_context(cert, key, None, SSLProtocols.tls13, authority, [], True)


async def renew_certificate(server: Server, identity: Identity, interval: float = RENEWAL_CHECK_SECONDS) -> None:
    """Starts a new worker beside the old one whenever the certificate was renewed; no connection is refused between."""
    version = identity.version
    while True:
        await asyncio.sleep(interval)
        # While a file is being replaced, the one in use is still good.
        with suppress(OSError, ssl.SSLError):
            if identity.version == version:
                continue
            load_certificate(server, identity)
            version = identity.version
            server.reload()  # type: ignore[no-untyped-call]


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


def _purger(
    contract: Contract, cache: ResponseCache, app: Transcoder, url: str, settings: TranscoderSettings
) -> Purger:
    tls = None
    if url.startswith("tls://") and settings.tls_directory:
        tls = ssl.create_default_context(cafile=settings.tls_directory / "ca.pem")
        tls.load_cert_chain(settings.tls_directory / "cert.pem", settings.tls_directory / "key.pem")
    return Purger(contract, cache, app.forget_tokens, url, tls)


def _in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
    return task
