"""SendGrid's event webhook: signed JSON arrays of what became of a mail."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deploy.local.sandbox.store import Document
from deploy.local.sandbox.webhooks import Dispatcher

BOUNCING = "bounce"
"""A recipient whose address begins with it does not exist at the other side."""


class Events:
    """Tells `url` of every mail. Without a signing key, or a URL, it tells nobody."""

    def __init__(self, dispatcher: Dispatcher, url: str, signing_key: str | None) -> None:
        self._dispatcher = dispatcher
        self._url = url if signing_key else ""
        if signing_key:
            key = load_pem_private_key(signing_key.encode(), password=None)
            if not isinstance(key, EllipticCurvePrivateKey):
                raise TypeError("SendGrid signs with an elliptic curve key")
            dispatcher.signer("sendgrid", lambda payload: sign(payload, key))

    def accepted(self, mail: Document) -> None:
        """Two webhooks, as in life: taken, then arrived or bounced."""
        if not self._url:
            return
        outcome = "bounce" if mail["to"].startswith(BOUNCING) else "delivered"
        for name in ("processed", outcome):
            event = _event(mail, name)
            self._dispatcher.enqueue("sendgrid", event["sg_event_id"], name, self._url, orjson.dumps([event]))


def sign(payload: bytes, key: EllipticCurvePrivateKey) -> Mapping[str, str]:
    """ECDSA with SHA-256 over timestamp and payload, in base64."""
    timestamp = str(int(time.time()))
    signature = key.sign(timestamp.encode() + payload, ECDSA(SHA256()))
    return {
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }


def _event(mail: Document, name: str) -> dict[str, Any]:
    event = {
        "email": mail["to"],
        "timestamp": int(time.time()),
        "event": name,
        "category": mail["categories"],
        "sg_event_id": secrets.token_urlsafe(16),
        "sg_message_id": f"{mail['message_id']}.recvd-sandbox-1",
        "smtp-id": mail["headers"].get("Message-ID", ""),
    }
    if name == "bounce":
        event |= {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such user"}
    # Custom arguments stand beside the event's own fields.
    return {**mail["custom_args"], **event}
