"""What the collector reads from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local.sandbox.settings import port


class Settings(BaseSettings):
    """Environment `KERYA_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="KERYA_", frozen=True)

    collector_listen: str = Field(
        default_factory=lambda: f"127.0.0.1:{port(317)}", description="host:port that takes OTLP over gRPC"
    )
    collector_http_listen: str = Field(
        default="", description="host:port of the page and of /traces/{trace_id}; not given: one port above the first"
    )
    collector_directory: Path = Field(default=Path(".kerya/traces"), description="where the JSON lines go")
    collector_spans: int = Field(default=50_000, ge=1, description="spans kept in memory")
    collector_file_bytes: int = Field(default=64 * 1024 * 1024, ge=1, description="size at which a file is begun anew")

    def page_address(self) -> tuple[str, int]:
        """(host, port) of the page."""
        host, _, number = (self.collector_http_listen or self.collector_listen).rpartition(":")
        return host, int(number) + (0 if self.collector_http_listen else 1)
