"""Devices that take push messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Platform(StrEnum):
    """The contract's `Device.Platform`."""

    ANDROID = "ANDROID"
    IOS = "IOS"
    WEB = "WEB"


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device; its push token is kept apart, encrypted."""

    device_id: UUID
    user_id: UUID
    platform: Platform
    display_name: str
    created_at: datetime
