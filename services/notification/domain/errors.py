"""What can be refused."""

from __future__ import annotations

from typing import ClassVar


class NotificationError(Exception):
    """Every refusal of this service; `reason` is a value of its ErrorReason."""

    reason: ClassVar[str]

    def __init__(self, **metadata: object) -> None:
        super().__init__(self.reason)
        self.metadata = {key: str(value) for key, value in metadata.items()}


class NotificationNotFound(NotificationError):
    """Metadata: notification_id."""

    reason = "NOTIFICATION_NOT_FOUND"


class DeviceNotFound(NotificationError):
    """Metadata: device_id."""

    reason = "DEVICE_NOT_FOUND"


class TooManyDevices(NotificationError):
    """Metadata: max_devices."""

    reason = "TOO_MANY_DEVICES"


class WebhookSignatureInvalid(NotificationError):
    """The webhook is not from the provider, or too old."""

    reason = "WEBHOOK_SIGNATURE_INVALID"


class WebhookMalformed(NotificationError):
    """The webhook cannot be read."""

    reason = "WEBHOOK_MALFORMED"
