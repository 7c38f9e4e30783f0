"""Settings of every service: the environment, `KERYA_<FIELD>`, read once and frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class MeshSettings(BaseSettings):
    """What every process of the mesh needs: who it is, whom it trusts, where it reports."""

    model_config = SettingsConfigDict(env_prefix="KERYA_", frozen=True, extra="ignore")

    environment: Literal["development", "production"] = Field(
        "development", description="Where this runs; part of every workload's SPIFFE id."
    )
    service: str = Field(description="The workload's own name, as its certificate carries it.")
    listen: str = Field("127.0.0.1:8101", description="Address of the main listener, host:port.")
    metrics_listen: str = Field(
        "127.0.0.1:8201", description="Address of the plain HTTP listener with /metrics, /livez and /readyz, host:port."
    )
    tls_directory: Path | None = Field(
        None, description="Holds ca.pem, cert.pem and key.pem of the workload; may be missing in development only."
    )
    secrets_directory: Path | None = Field(None, description="Holds the secrets as files, one value each.")
    targets: dict[str, str] = Field(
        default_factory=dict, description='Addresses of the services by name, as JSON: {"user": "127.0.0.1:8101"}.'
    )
    otlp_endpoint: str | None = Field(None, description="OTLP/gRPC receiver of traces; none: traces are not sent.")
    trace_ratio: float = Field(0.1, ge=0, le=1, description="Share of requests that are traced, 0 to 1.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least level that is logged."
    )


class ChassisSettings(MeshSettings):
    """What every service needs on top: its database, the bus, Redis, and its bounds."""

    database_url: SecretStr = Field(description="The service's own database, postgresql+asyncpg://…")
    database_read_url: SecretStr | None = Field(None, description="A replica for reads; none: reads go to the primary.")
    database_pool_size: int = Field(8, ge=1, description="Connections per process for writes, and as many for reads.")
    migrate_on_start: bool = Field(
        True,
        description="Bring the database to the newest version before serving; false in the chart, where a job does it.",
    )
    redis_url: SecretStr = Field(description="Redis for caches, limits and the idempotency fast path, redis://…")
    nats_url: SecretStr = Field(description="NATS with JetStream, nats://… or tls://…")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of every JetStream stream; 3 in production.")
    default_deadline: float = Field(5.0, gt=0, description="Seconds a call may take when its caller gave no deadline.")
    max_deadline: float = Field(15.0, gt=0, description="Seconds a call may take at most, whatever its caller says.")
    limit_scale: float = Field(
        1.0, gt=0, description="Multiplies the rates of the contract; above 1 for seeding and benches in development."
    )
    max_concurrent_calls: int = Field(
        256, ge=1, description="Calls worked on at once; more are refused with RESOURCE_EXHAUSTED."
    )
    max_message_bytes: int = Field(1 << 20, description="Largest request accepted, in bytes.")
    drain_delay: float = Field(
        1.0,
        ge=0,
        description="Seconds between NOT_SERVING and refusing calls, for balancers to notice; 5 in the chart.",
    )
    drain_grace: float = Field(20.0, ge=0, description="Seconds that calls under way may take to end on shutdown.")
    max_connection_age: float = Field(
        300.0, gt=0, description="Seconds a connection lives at most (±10 %), so that clients find new replicas."
    )
