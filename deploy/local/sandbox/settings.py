"""What the sandbox reads from its environment."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def port(offset: int) -> int:
    """A port of the topology: an offset from KERYA_PORT_BASE."""
    return int(os.environ.get("KERYA_PORT_BASE", "8000")) + offset


class Settings(BaseSettings):
    """Environment `KERYA_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="KERYA_", frozen=True)

    sandbox_listen: str = Field(
        default_factory=lambda: f"127.0.0.1:{port(600)}",
        description="host:port the sandbox listens on",
    )
    sandbox_directory: Path = Field(
        default=Path(".kerya/sandbox"), description="where its state lives; a restart keeps it"
    )
    secrets_directory: Path | None = Field(
        default=None,
        description="holds the providers' keys; without it any test key does",
    )
    sandbox_stripe_webhook_url: str = Field(
        default_factory=lambda: f"http://127.0.0.1:{port(80)}/v1/webhooks/stripe",
        description="where Stripe's events are delivered; empty delivers none",
    )
    sandbox_sendgrid_webhook_url: str = Field(
        default_factory=lambda: f"http://127.0.0.1:{port(80)}/v1/webhooks/sendgrid",
        description="where SendGrid's events are delivered; empty delivers none",
    )
    sandbox_webhook_backoff_seconds: float = Field(
        default=1.0, description="wait before the first retry; doubles up to 60 s"
    )
    sandbox_webhook_attempts: int = Field(default=20, description="attempts before a webhook is given up")

    def secret(self, name: str) -> str | None:
        """A secret file's text, None where there is none."""
        if self.secrets_directory is None or not (path := self.secrets_directory / name).is_file():
            return None
        return path.read_text().strip()

    def address(self) -> tuple[str, int]:
        """(host, port) to listen on."""
        host, _, number = self.sandbox_listen.rpartition(":")
        return host, int(number)
