"""SendGrid's event webhook: whether it is genuine, and what it says."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid
from services.notification.domain.errors import WebhookMalformed, WebhookSignatureInvalid

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
# As long as SendGrid goes on trying would be a day; a recorded call is worth nothing after these minutes.
TOLERANCE = timedelta(minutes=10)
BOUNCES = frozenset({"bounce", "dropped", "spamreport"})
ARRIVALS = frozenset({"delivered"})


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one delivery."""

    delivery_id: UUID
    bounced: bool


@dataclass(frozen=True)
class SendgridWebhook:
    """Opens webhooks with the provider's public key (base64 of DER), which is read at every call: keys rotate."""

    public_key: Callable[[], bytes]

    def open(self, body: bytes, headers: Mapping[str, str], now: datetime) -> list[Report]:
        """The reports on our deliveries. Raises WebhookSignatureInvalid or WebhookMalformed."""
        self._verify(body, headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, ""), now)
        try:
            events = json.loads(body)
        except ValueError:
            raise WebhookMalformed from None
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise WebhookMalformed
        return [report for event in events if (report := _report(event))]

    def _verify(self, body: bytes, signature: str, timestamp: str, now: datetime) -> None:
        key = load_der_public_key(base64.b64decode(self.public_key()))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("sendgrid_webhook_key must be an elliptic curve key")
        try:
            key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
            age = abs(now.timestamp() - int(timestamp))
        except (InvalidSignature, binascii.Error, ValueError):
            raise WebhookSignatureInvalid from None
        if age > TOLERANCE.total_seconds():
            raise WebhookSignatureInvalid


def _report(event: dict[str, Any]) -> Report | None:
    name, delivery_id = event.get("event"), event.get("delivery_id")
    if name not in BOUNCES | ARRIVALS or not isinstance(delivery_id, str):
        return None
    try:
        return Report(from_typeid("delivery", delivery_id), name in BOUNCES)
    except ChassisRefusal:
        return None
