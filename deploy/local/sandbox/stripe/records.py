"""Stripe's objects in the store, its ids, its lists, and the event that follows every change."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import time
from collections.abc import Mapping
from copy import deepcopy

import orjson

from deploy.local.sandbox.store import Document, Store
from deploy.local.sandbox.stripe.errors import StripeError, no_such
from deploy.local.sandbox.webhooks import Dispatcher

API_VERSION = "2026-10-28.endive"
ALPHABET = string.ascii_letters + string.digits
NOUNS = {
    "payment_intent": "payment_intent",
    "charge": "charge",
    "refund": "refund",
    "event": "event",
}


def new_id(prefix: str) -> str:
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(24))}"


def sign(payload: bytes, secret: str, at: int | None = None) -> Mapping[str, str]:
    """The Stripe-Signature header: `t=<unix time>,v1=<HMAC-SHA256 of "t.payload" in hex>`."""
    timestamp = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return {
        "stripe-signature": f"t={timestamp},v1={digest}",
        "user-agent": "Stripe/1.0 (sandbox)",
    }


class Records:
    """Reads and writes Stripe's objects. A write with an event type also records the event and queues its webhook."""

    def __init__(self, store: Store, dispatcher: Dispatcher, webhook_url: str) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._webhook_url = webhook_url

    def get(self, noun: str, id: str, param: str = "id") -> Document:
        document = self._store.get(f"stripe.{noun}", id)
        if document is None:
            raise no_such(noun, id, param)
        return document

    def save(self, document: Document, *event_types: str) -> None:
        self._store.put(f"stripe.{document['object']}", document["id"], document)
        for type in event_types:
            self._event(type, document)

    def page(self, noun: str, url: str, query: Mapping[str, str], **equal: str | None) -> Document:
        """Stripe's list object, newest first; `limit`, `starting_after`, and fields that must be equal."""
        limit = query.get("limit", "10")
        if not limit.isdigit() or not 1 <= int(limit) <= 100:
            raise StripeError("Invalid limit: must be between 1 and 100", param="limit")
        found = [
            d for d in self._store.all(f"stripe.{noun}") if all(v is None or d.get(k) == v for k, v in equal.items())
        ]
        if after := query.get("starting_after"):
            positions = [n for n, d in enumerate(found) if d["id"] == after]
            if not positions:
                raise no_such(noun, after, "starting_after")
            found = found[positions[0] + 1 :]
        return {
            "object": "list",
            "url": url,
            "has_more": len(found) > int(limit),
            "data": found[: int(limit)],
        }

    def _event(self, type: str, document: Document) -> None:
        event: Document = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": deepcopy(document)},
            "livemode": False,
            "pending_webhooks": 1 if self._webhook_url else 0,
            "request": {"id": new_id("req"), "idempotency_key": None},
            "type": type,
        }
        self._store.put("stripe.event", event["id"], event)
        if self._webhook_url:
            # Indented, as Stripe sends it: a receiver that re-serialises before it checks the signature must fail here.
            payload = orjson.dumps(event, option=orjson.OPT_INDENT_2)
            self._dispatcher.enqueue("stripe", event["id"], type, self._webhook_url, payload)
