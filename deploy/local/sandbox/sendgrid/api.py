"""The HTTP face of the SendGrid sandbox, and its inbox."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Sequence
from typing import Any

import orjson

from deploy.local.sandbox.provider import Section
from deploy.local.sandbox.sendgrid.events import Events
from deploy.local.sandbox.sendgrid.mail import Fault, faults, recipients
from deploy.local.sandbox.store import Document, Store
from deploy.local.sandbox.web import Request, Response, Route, json

KIND = "sendgrid.mail"


class SendGrid:
    """The provider. `api_key` None takes any `SG.…` key.

    Like the real API it has no idempotency: a mail sent twice is two mails, which the page and `/inbox` then show.
    """

    name = "sendgrid"

    def __init__(self, store: Store, events: Events, *, api_key: str | None) -> None:
        self._store = store
        self._events = events
        self._api_key = api_key

    def routes(self) -> Sequence[Route]:
        return [Route("POST", "/v3/mail/send", self._send, "mail.send")]

    def failure(self, status: int) -> Response:
        return _errors(status, Fault("The sandbox was told to fail.", None))

    def sections(self) -> Sequence[Section]:
        rows = [
            (
                f"/emails/{mail['message_id']}",
                mail["to"],
                mail["subject"],
                time.strftime("%H:%M:%S", time.gmtime(mail["at"])),
            )
            for mail in self._store.all(KIND, 200)
        ]
        return [Section("E-mails", ("e-mail", "to", "subject", "at (UTC)"), rows)]

    def inbox(self, to: str = "") -> list[Document]:
        """The mails taken, newest first, one entry per recipient; all of them where `to` is empty."""
        return [mail for mail in self._store.all(KIND) if not to or mail["to"].lower() == to.lower()]

    def mail(self, message_id: str) -> Document | None:
        return self._store.get(KIND, message_id)

    async def _send(self, request: Request) -> Response:
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        known = hmac.compare_digest(credential, self._api_key) if self._api_key else credential.startswith("SG.")
        if scheme.lower() != "bearer" or not known:
            return _errors(
                401,
                Fault(
                    "The provided authorization grant is invalid, expired, or revoked",
                    None,
                ),
            )
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _errors(415, Fault("Content-Type should be application/json.", None))
        try:
            payload = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return _errors(400, Fault("Bad Request", None))
        if found := faults(payload):
            return _errors(400, *found)
        return self._take(payload)

    def _take(self, payload: dict[str, Any]) -> Response:
        message_id = secrets.token_urlsafe(16)
        sandboxed = ((payload.get("mail_settings") or {}).get("sandbox_mode") or {}).get("enable")
        if sandboxed:
            return Response(200, headers={"x-message-id": message_id})
        content = {part["type"]: part["value"] for part in payload.get("content") or []}
        with self._store.transaction():
            number = 0
            for entry in payload["personalizations"]:
                for address in recipients(entry):
                    id = message_id if number == 0 else f"{message_id}.{number}"
                    mail = _mail(id, address, payload, entry, content)
                    self._store.put(KIND, id, mail)
                    self._events.accepted(mail)
                    number += 1
        return Response(202, headers={"x-message-id": message_id})


def _mail(
    id: str,
    to: str,
    payload: dict[str, Any],
    entry: dict[str, Any],
    content: dict[str, str],
) -> Document:
    return {
        "message_id": id,
        "to": to,
        "from": payload["from"],
        "subject": entry.get("subject") or payload.get("subject", ""),
        "text": content.get("text/plain", ""),
        "html": content.get("text/html", ""),
        "headers": payload.get("headers") or {},
        "categories": payload.get("categories") or [],
        "custom_args": {
            **(payload.get("custom_args") or {}),
            **(entry.get("custom_args") or {}),
        },
        "at": time.time(),
    }


def _errors(status: int, *found: Fault) -> Response:
    return json({"errors": list(found)}, status)
