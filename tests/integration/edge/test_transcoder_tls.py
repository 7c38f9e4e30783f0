"""Mutual TLS on both sides of the transcoder, through a renewal."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from deploy.local import pki
from edge.transcoder.app import Transcoder
from edge.transcoder.server import CertificateRenewal, listener
from edge.transcoder.settings import TranscoderSettings
from edge.transcoder.upstream import Upstream
from services.chassis import channels, topology
from services.chassis.tls import Identity
from tests.integration.edge.library_server import Library
from tests.integration.edge.test_transcoder_process import free_port
from tests.unit.edge.library import contract

# A workload of the topology plays the library.
SERVICE = "property"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    pki.ensure(tmp_path, topology.load(), "development")
    return tmp_path


@pytest.fixture
async def secure_library(certificates: Path) -> AsyncIterator[Library]:
    served = await Library.start(Identity(certificates / SERVICE).server_credentials())
    yield served
    await served.stop()


async def status(upstream: Upstream) -> int:
    transport = httpx.ASGITransport(app=Transcoder(contract(), {"library": upstream}))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        return (await client.get("/v1/books/7")).status_code


async def test_a_service_takes_calls_of_our_authority_only(certificates: Path, secure_library: Library) -> None:
    identity = Identity(certificates / "transcoder")
    trusted = Upstream(SERVICE, secure_library.address, (), identity)
    plain = Upstream(SERVICE, secure_library.address, ())
    misnamed = Upstream("user", secure_library.address, (), Identity(certificates / "user"))
    try:
        assert await status(trusted) == 200
        assert await status(plain) == 503
        # The one who answers must be whom the caller wanted.
        assert await status(misnamed) == 503
    finally:
        for each in (trusted, plain, misnamed):
            await each.close()


async def test_a_renewed_certificate_is_taken_up(
    certificates: Path, secure_library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "RENEWAL_CHECK_SECONDS", 0.0)
    upstream = Upstream(SERVICE, secure_library.address, (), Identity(certificates / "transcoder"))
    try:
        assert await status(upstream) == 200
        before = upstream._channel.current()
        _renew(certificates)
        assert await status(upstream) == 200
        assert upstream._channel.current() is not before
    finally:
        await upstream.close()


async def test_the_listener_demands_a_certificate_and_renews_its_own(certificates: Path, library: Library) -> None:
    port = free_port()
    settings = TranscoderSettings(
        listen=f"127.0.0.1:{port}", transcoder_tls=True, tls_directory=certificates / "transcoder"
    )
    upstream = Upstream("library", library.address, ())
    renewal = CertificateRenewal(Identity(certificates / "transcoder"))
    server = listener(Transcoder(contract(), {"library": upstream}), settings)
    serving = asyncio.create_task(server.serve())
    renewing = asyncio.create_task(renewal.run(server, 0.05))
    try:
        await asyncio.sleep(0.3)
        envoy = _context(certificates, certificates / "envoy")
        async with httpx.AsyncClient(verify=envoy, base_url=f"https://localhost:{port}") as client:
            assert (await client.get("/v1/books/7")).status_code == 200
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            async with httpx.AsyncClient(verify=_context(certificates), base_url=f"https://localhost:{port}") as client:
                await client.get("/v1/books/7")
        first = await _serial(port, envoy)
        _renew(certificates)
        async with asyncio.timeout(10):
            while await _serial(port, envoy) == first:
                await asyncio.sleep(0.1)
    finally:
        renewing.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait_for(serving, 10)
        await upstream.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:8090", "10.0.0.7:8090", "[::]:8090", "transcoder:8090"])
def test_plain_calls_from_afar_are_taken_in_development_only(listen: str) -> None:
    with pytest.raises(ValueError, match="KERYA_TRANSCODER_TLS"):
        listener(None, TranscoderSettings(listen=listen, environment="production"))
    listener(None, TranscoderSettings(listen=listen, environment="development"))


@pytest.mark.parametrize("listen", ["127.0.0.1:8090", "localhost:8090", "[::1]:8090"])
def test_on_loopback_envoy_needs_no_certificate(listen: str) -> None:
    listener(None, TranscoderSettings(listen=listen, environment="production"))


def _renew(certificates: Path) -> None:
    (certificates / "transcoder" / "cert.pem").unlink()
    assert pki.ensure(certificates, topology.load(), "development") == ["transcoder"]


def _context(authority: Path, identity: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority / "ca.pem")
    if identity is not None:
        context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return context


async def _serial(port: int, context: ssl.SSLContext) -> int:
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(certificate).serial_number
