"""Settings of the Envoy edge."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from edge.transcoder.request import MAX_SECONDS
from services.chassis.settings import MeshSettings


class Settings(MeshSettings):
    """What `python -m edge.envoy` reads from the environment, `KERYA_<FIELD>`."""

    service: str = Field("envoy", description="The workload's own name, as its certificate carries it.")
    public_url: str = Field(
        "https://localhost:8443", description="Where the outside finds the edge; its host is served."
    )

    edge_bind: str = Field("127.0.0.1", description="Address the public TLS listener binds; 0.0.0.0 in the chart.")
    edge_observe_bind: str = Field(
        "127.0.0.1", description="Address of the listener with /ready and /stats/prometheus."
    )
    edge_tls_directory: Path | None = Field(
        None, description="Holds cert.pem and key.pem of the public listener; none: `edge` beside KERYA_TLS_DIRECTORY."
    )
    edge_hosts: tuple[str, ...] = Field((), description='Further host names that are served, as JSON: ["api.example"].')
    edge_http3: bool = Field(False, description="Also listen for HTTP/3 (QUIC) on the public port, over UDP.")
    edge_cors_origins: tuple[str, ...] = Field(
        (), description='Web origins whose pages may call, exact, as JSON: ["https://app.example"]. None: no page may.'
    )
    edge_jwks_file: Path | None = Field(
        None,
        description="A JSON Web Key Set on disk; none: it is fetched from the user service through the transcoder.",
    )

    edge_trusted_hops: int = Field(
        0, ge=0, description="Proxies in front of the edge whose X-Forwarded-For is believed."
    )
    edge_trust_trace_context: bool = Field(
        False, description="Continue traces that callers began; otherwise their traceparent is dropped."
    )

    edge_address_rate: int = Field(
        500, ge=0, description="Requests per second from one address before 429, twice that at once; 0: no bound."
    )
    edge_max_connections: int = Field(2000, ge=1, description="Connections from outside at once.")
    edge_max_requests: int = Field(512, ge=1, description="Requests under way per upstream; more are answered 503.")
    edge_max_body_bytes: int = Field(1 << 20, ge=1, description="Largest REST request body; beyond it 413.")
    edge_heap_bytes: int = Field(512 << 20, ge=64 << 20, description="Envoy's heap; load is shed as it fills.")

    edge_headers_timeout: float = Field(5.0, gt=0, description="Seconds until a request's headers must have arrived.")
    edge_request_timeout: float = Field(15.0, gt=0, description="Seconds until a request's body must have arrived.")
    edge_route_timeout: float = Field(
        MAX_SECONDS + 1,
        gt=0,
        description="Seconds a REST request may take in all; past what the transcoder allows, so that it answers first.",
    )
    edge_grpc_timeout_max: float = Field(
        10.0, gt=0, description="Seconds a unary RPC may take, whatever grpc-timeout says."
    )
    edge_stream_duration: float = Field(
        3600.0, gt=0, description="Seconds a stream may live before it must be resumed."
    )
    edge_drain: float = Field(20.0, ge=0, description="Seconds connections may take to move away when Envoy stops.")

    edge_transcoder_protocol: Literal["h2c", "http/1.1"] = Field(
        "h2c", description="How Envoy talks to the transcoder; WebSocket routes always use HTTP/1.1."
    )

    @property
    def is_development(self) -> bool:
        return self.environment == "development"

    @property
    def hosts(self) -> list[str]:
        """Host names the edge answers to, without ports."""
        loopback = ("localhost", "127.0.0.1", "[::1]") if self.is_development else ()
        return list(dict.fromkeys((urlsplit(self.public_url).hostname or "localhost", *loopback, *self.edge_hosts)))

    @property
    def workload_certificates(self) -> Path:
        """Folder with Envoy's own ca.pem, cert.pem and key.pem."""
        return self.tls_directory or Path(".kerya/pki/envoy")

    @property
    def public_certificates(self) -> Path:
        """Folder with the public listener's cert.pem and key.pem."""
        return self.edge_tls_directory or self.workload_certificates.parent / "edge"
