"""Mutual TLS between all parts of the mesh, by SPIFFE workload identities that rotate without a restart."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

SPIFFE = "spiffe://"


@dataclass(frozen=True)
class Identity:
    """The certificate files of one workload: `directory` holds ca.pem, cert.pem and key.pem."""

    directory: Path

    @property
    def version(self) -> int:
        """Changes whenever the certificate is renewed."""
        return (self.directory / "cert.pem").stat().st_mtime_ns

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials that demand a certificate of our authority, and pick up renewed files at the next handshake."""
        loaded = [self.version]

        def renewed() -> grpc.ServerCertificateConfiguration | None:
            if self.version == loaded[0]:
                return None
            loaded[0] = self.version
            return self._server_configuration()

        return grpc.dynamic_ssl_server_credentials(
            # None means "unchanged", which the stubs do not know.
            self._server_configuration(),
            renewed,  # type: ignore[arg-type]
            require_client_authentication=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of the certificate as it is now; a channel is made anew when `version` changes."""
        return grpc.ssl_channel_credentials(
            root_certificates=self._read("ca.pem"),
            private_key=self._read("key.pem"),
            certificate_chain=self._read("cert.pem"),
        )

    def client_context(self) -> ssl.SSLContext:
        """The same identity for what speaks TLS without gRPC: the bus."""
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        context.load_cert_chain(self.directory / "cert.pem", self.directory / "key.pem")
        return context

    def _server_configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(self._read("key.pem"), self._read("cert.pem"))], root_certificates=self._read("ca.pem")
        )

    def _read(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()


def workload_of(sans: list[bytes], environment: str) -> str:
    """The workload named by the first SPIFFE id of our trust domain and environment; "" where there is none."""
    prefix = f"{SPIFFE}kerya/{environment}/"
    for san in sans:
        name = san.decode("ascii", "replace")
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return ""
