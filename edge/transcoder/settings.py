"""Settings of the transcoder."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.chassis.settings import MeshSettings

DESCRIPTORS = Path(__file__).resolve().parents[2] / "gen" / "descriptors.binpb"


class TranscoderSettings(MeshSettings):
    """What `python -m edge.transcoder` reads from the environment, `KERYA_<FIELD>`."""

    service: str = Field("transcoder", description="The workload's own name, as its certificate carries it.")
    listen: str = Field("127.0.0.1:8090", description="Address that Envoy reaches, host:port.")
    metrics_listen: str = Field(
        "",
        description="Address of the plain HTTP listener with /metrics, /livez and /readyz, host:port; empty: none.",
    )
    public_url: str = Field(
        "https://localhost:8443", description="Where the outside finds the edge; in the OpenAPI page."
    )
    nats_url: str | None = Field(None, description="NATS, whose events purge the response cache; none: no cache.")
    transcoder_tls: bool = Field(
        False,
        description="Listen with TLS 1.3 and demand a certificate of the mesh's authority. Any workload's will do, as the "
        "HTTP server does not tell whose it is: the network must let Envoy alone reach it. May be off in development, and "
        "on a loopback address.",
    )
    transcoder_cache_bytes: int = Field(32 << 20, ge=0, description="Most bytes the response cache holds; 0: no cache.")
    transcoder_drain: float = Field(2.0, ge=0, description="Seconds between not ready and closing the listener.")
    edge_max_body_bytes: int = Field(1 << 20, ge=1, description="Largest REST request body; beyond it 413.")
    edge_stream_duration: float = Field(
        3600.0, gt=0, description="Seconds a stream may live before it must be resumed."
    )
    descriptors: Path = Field(DESCRIPTORS, description="The descriptor set that `make gen` writes.")
