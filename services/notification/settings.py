"""Settings of the notification service; environment `KERYA_<FIELD>`."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from services.chassis.settings import ChassisSettings
from services.notification.domain.delivery import Patience


class Settings(ChassisSettings):
    """The chassis' settings and the service's own."""

    public_url: str = Field(
        default="https://localhost:8443", description="Where the marketplace is; links in e-mails lead there."
    )
    sendgrid_base_url: str = Field(
        default="https://api.sendgrid.com", description="SendGrid's API, or the sandbox's /sendgrid."
    )
    mail_from: str = Field(default="no-reply@kerya.example", description="Sender of all e-mails.")
    mail_from_name: str = Field(default="Kerya", description="The sender's name as mail programs show it.")
    delivery_max_attempts: int = Field(
        default=24, ge=1, description="Attempts before a delivery is given up: about four hours with the waits below."
    )
    delivery_first_wait_seconds: float = Field(
        default=2.0, gt=0, description="Seconds before the second attempt; doubles with each."
    )
    delivery_longest_wait_seconds: float = Field(
        default=900.0, gt=0, description="The longest a failed delivery waits for its next attempt, in seconds."
    )
    delivery_lease_seconds: float = Field(
        default=60.0,
        gt=0,
        description="Seconds until a delivery whose worker fell silent is sent again; longer than any attempt.",
    )
    delivery_batch: int = Field(default=16, ge=1, le=200, description="Deliveries worked on at once.")
    max_devices: int = Field(default=20, ge=1, description="Devices one account may register for push.")

    @property
    def patience(self) -> Patience:
        """How deliveries are retried."""
        return Patience(
            self.delivery_max_attempts,
            timedelta(seconds=self.delivery_first_wait_seconds),
            timedelta(seconds=self.delivery_longest_wait_seconds),
            timedelta(seconds=self.delivery_lease_seconds),
        )
