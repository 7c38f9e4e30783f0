"""Settings of the user service."""

from __future__ import annotations

from pydantic import Field

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """What every service needs, and how many passwords are hashed."""

    password_workers: int = Field(
        0, ge=0, description="Passwords hashed at once, at 46 ms and 19 MiB each; 0: one a core."
    )
    password_queue: int = Field(
        20, ge=0, description="Passwords that may wait to be hashed; further ones are refused with SIGN_IN_BUSY."
    )
