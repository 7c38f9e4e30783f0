"""Settings of the property service."""

from __future__ import annotations

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """What every service needs; this one needs nothing more."""
