"""What v3/mail/send takes: its rules, with the real API's messages and field paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ADDRESS = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+\.[^@\s<>,;\"]+")
RESERVED_HEADERS = {
    "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding", "to", "from",
    "subject", "reply-to", "cc", "bcc",
}  # fmt: skip
TOP_LEVEL = {
    "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments", "template_id",
    "headers", "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name", "mail_settings",
    "tracking_settings",
}  # fmt: skip
MAX_CUSTOM_ARGS = 10_000
MAX_RECIPIENTS = 1000


class Fault(dict[str, str | None]):
    """One entry of SendGrid's `errors`."""

    def __init__(self, message: str, field: str | None) -> None:
        super().__init__(message=message, field=field, help=None)


def faults(payload: Any) -> list[Fault]:
    """Everything wrong with a mail; empty where SendGrid would take it."""
    if not isinstance(payload, dict):
        return [Fault("Bad Request", None)]
    checks = (
        _unknown,
        _sender,
        _personalizations,
        _subject,
        _content,
        _headers,
        _custom_args,
    )
    return [fault for check in checks for fault in check(payload)]


def recipients(personalization: dict[str, Any]) -> list[str]:
    """The addresses of to, cc and bcc, as written."""
    return [entry["email"] for part in ("to", "cc", "bcc") for entry in personalization.get(part) or []]


def _unknown(payload: dict[str, Any]) -> Iterator[Fault]:
    for name in payload.keys() - TOP_LEVEL:
        yield Fault(f"Invalid field in request: {name}", name)


def _address(entry: Any, field: str) -> Iterator[Fault]:
    if not isinstance(entry, dict) or not isinstance(entry.get("email"), str):
        yield Fault("The email field is required.", f"{field}.email")
    elif not ADDRESS.fullmatch(entry["email"]):
        yield Fault("Does not contain a valid address.", f"{field}.email")


def _sender(payload: dict[str, Any]) -> Iterator[Fault]:
    if "from" not in payload:
        yield Fault(
            "The from object must be provided for every email send. It is an object that requires the email parameter,"
            ' but may also contain a name parameter.  e.g. {"email" : "example@example.com"} ',
            "from",
        )
    else:
        yield from _address(payload["from"], "from")


def _personalizations(payload: dict[str, Any]) -> Iterator[Fault]:
    entries = payload.get("personalizations")
    if not isinstance(entries, list) or not entries:
        yield Fault(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
        return
    for number, entry in enumerate(entries):
        field = f"personalizations.{number}"
        to = entry.get("to") if isinstance(entry, dict) else None
        if not isinstance(to, list) or not to:
            yield Fault(
                "The to array is required for all personalization objects, and must have at least one email object with"
                " a valid email address.",
                f"{field}.to",
            )
            continue
        problems = [
            fault
            for part in ("to", "cc", "bcc")
            for position, address in enumerate(entry.get(part) or [])
            for fault in _address(address, f"{field}.{part}.{position}")
        ]
        yield from problems
        if not problems:
            yield from _unique(entry, field)


def _unique(entry: dict[str, Any], field: str) -> Iterator[Fault]:
    addresses = [address.lower() for address in recipients(entry)]
    if len(addresses) > MAX_RECIPIENTS:
        yield Fault(
            "There is a limit of 1000 total recipients (to + cc + bcc) per request.",
            field,
        )
    if len(set(addresses)) != len(addresses):
        yield Fault(
            "Each email address in the personalization block should be unique between to, cc, and bcc.",
            field,
        )


def _subject(payload: dict[str, Any]) -> Iterator[Fault]:
    if payload.get("subject") or payload.get("template_id"):
        return
    entries = payload.get("personalizations")
    if isinstance(entries, list) and all(isinstance(entry, dict) and entry.get("subject") for entry in entries):
        return
    yield Fault(
        "The subject is required. You can get around this requirement if you use a template with a subject defined or"
        " if every personalization has a subject defined.",
        "subject",
    )


def _content(payload: dict[str, Any]) -> Iterator[Fault]:
    if payload.get("template_id"):
        return
    parts = payload.get("content")
    if not isinstance(parts, list) or not parts:
        yield Fault(
            "Unless a valid template_id is provided, the content parameter is required.",
            "content",
        )
        return
    for number, part in enumerate(parts):
        if not isinstance(part, dict) or not part.get("type"):
            yield Fault("The content type is required.", f"content.{number}.type")
        elif not isinstance(part.get("value"), str) or not part["value"]:
            yield Fault(
                "The content value must be a string at least one character in length.",
                f"content.{number}.value",
            )
    types = [part.get("type") for part in parts if isinstance(part, dict)]
    if "text/plain" in types and types[0] != "text/plain":
        yield Fault("If present, text/plain must be the first content type.", "content")


def _headers(payload: dict[str, Any]) -> Iterator[Fault]:
    for name, value in (payload.get("headers") or {}).items():
        if name.lower() in RESERVED_HEADERS:
            yield Fault(f"The header {name} is reserved.", f"headers.{name}")
        elif not isinstance(value, str) or "\r" in value or "\n" in value:
            yield Fault(
                "The value of a header must be a string without line breaks.",
                f"headers.{name}",
            )


def _custom_args(payload: dict[str, Any]) -> Iterator[Fault]:
    values = payload.get("custom_args") or {}
    if not all(isinstance(value, str) for value in values.values()):
        yield Fault("The custom_args values must be strings.", "custom_args")
    elif sum(len(key) + len(value) for key, value in values.items()) > MAX_CUSTOM_ARGS:
        yield Fault("Total custom arguments may not exceed 10,000 bytes.", "custom_args")
