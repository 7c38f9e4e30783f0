"""How the messages of a stream stand in an HTTP body: a JSON array, NDJSON or server-sent events, by Accept."""

from __future__ import annotations

from typing import Any, Protocol

from protobuf import Message

_BASE = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))


class Format(Protocol):
    """A stream's framing. `item` and `error` take one JSON text without line breaks."""

    headers: tuple[tuple[bytes, bytes], ...]
    opening: bytes
    closing: bytes
    keep_alive: bytes

    def item(self, json: bytes, message: Message) -> bytes: ...

    def error(self, json: bytes) -> bytes: ...


class JsonArray:
    """`[m,m,…]`; after a failure the last element is the error body."""

    headers = ((b"content-type", b"application/json"), *_BASE)
    opening = b"["
    closing = b"]"
    # White space between elements means nothing.
    keep_alive = b"\n"

    def __init__(self) -> None:
        self._separator = b""

    def item(self, json: bytes, message: Message) -> bytes:
        """One element."""
        return self.error(json)

    def error(self, json: bytes) -> bytes:
        """The error as an element like the others."""
        separator, self._separator = self._separator, b",\n"
        return separator + json


class Lines:
    """One message a line; after a failure the last line is the error body."""

    headers = ((b"content-type", b"application/x-ndjson"), *_BASE)
    opening = b""
    closing = b""
    keep_alive = b"\n"

    def item(self, json: bytes, message: Message) -> bytes:
        """One line."""
        return json + b"\n"

    def error(self, json: bytes) -> bytes:
        """The last line."""
        return json + b"\n"


class Events:
    """Server-sent events. `id` is the message's `resume_token`; a stream ends with `event: end` or `event: error`."""

    headers = ((b"content-type", b"text/event-stream"), *_BASE)
    opening = b"retry: 2000\n\n"
    # A client that reconnects after a clean end would only hear the same again.
    closing = b"event: end\ndata: {}\n\n"
    keep_alive = b": keep-alive\n\n"

    def item(self, json: bytes, message: Message) -> bytes:
        """One event."""
        token: Any = getattr(message, "resume_token", "")
        # A line break would end the field early and let a value write the next one.
        identifier = (
            b"id: " + token.encode() + b"\n" if isinstance(token, str) and token.isprintable() and token else b""
        )
        return identifier + b"data: " + json + b"\n\n"

    def error(self, json: bytes) -> bytes:
        """The terminal event."""
        self.closing = b""
        return b"event: error\ndata: " + json + b"\n\n"


_BY_MEDIA: dict[str, type[JsonArray] | type[Lines] | type[Events]] = {
    "application/json": JsonArray,
    "application/x-ndjson": Lines,
    "application/jsonl": Lines,
    "text/event-stream": Events,
}


def choose(accept: str) -> JsonArray | Lines | Events:
    """The format an Accept value likes best; the JSON array where it names none."""
    found: type[JsonArray] | type[Lines] | type[Events] = JsonArray
    best_weight = 0.0
    for part in accept.lower().split(","):
        media, _, parameters = part.strip().partition(";")
        weight = _weight(parameters)
        if media.strip() in _BY_MEDIA and weight > best_weight:
            found, best_weight = _BY_MEDIA[media.strip()], weight
    return found()


def _weight(parameters: str) -> float:
    _, has, value = parameters.partition("q=")
    try:
        return float(value.split(";")[0]) if has else 1.0
    except ValueError:
        return 0.0
