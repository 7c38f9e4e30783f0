"""What crosses between HTTP headers and gRPC metadata: an allow-list each way, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pairs = Iterable[tuple[str, str | bytes]] | None
HeaderList = Iterable[tuple[bytes, bytes]]

# Envoy strips or sets what the outside must not choose: x-forwarded-for, x-request-id and the trace context.
TO_METADATA = (
    "authorization",
    "idempotency-key",
    "accept-language",
    "if-match",
    "x-request-id",
    "x-forwarded-for",
    "traceparent",
    "tracestate",
)
_TO_METADATA = tuple((name.encode(), name) for name in TO_METADATA)
FROM_METADATA = frozenset(
    {
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "idempotent-replayed",
        "content-language",
        "deprecation",
        "sunset",
        "location",
    }
)


class Headers:
    """A request's headers, read once; the values of a repeated one are joined by commas."""

    __slots__ = ("_values",)

    def __init__(self, raw: HeaderList) -> None:
        values: dict[bytes, bytes] = {}
        for name, value in raw:
            values[name] = value if name not in values else values[name] + b", " + value
        self._values = values

    def get(self, name: bytes) -> str:
        """The value of a header by lower-case name, "" where it is absent."""
        value = self._values.get(name)
        return value.decode("latin-1") if value else ""

    def set(self, name: bytes, value: str) -> None:
        """Puts a header that came another way."""
        self._values[name] = value.encode("latin-1", "replace")

    def metadata(self, extra: Sequence[str] = ()) -> list[tuple[str, str]]:
        """What travels on: the usual headers and those the RPC's contract names. Only printable ASCII does."""
        values = self._values
        handed_on = [(key, values[name].decode("latin-1")) for name, key in _TO_METADATA if name in values]
        handed_on += [(key, self.get(key.encode())) for key in extra if key.encode() in values]
        return [pair for pair in handed_on if pair[1].isascii() and pair[1].isprintable()]


def response_headers(*metadata: Pairs) -> list[tuple[bytes, bytes]]:
    """The response headers that a service's initial and trailing metadata ask for."""
    return [
        (key.encode(), value.encode() if isinstance(value, str) else value)
        for part in metadata
        if part
        for key, value in part
        if key in FROM_METADATA
    ]


def etag_matches(condition: str, etag: str) -> bool:
    """Whether an If-None-Match value names the entity tag, by weak comparison."""
    if condition.strip() == "*":
        return True
    wanted = etag.removeprefix("W/")
    return any(each.strip().removeprefix("W/") == wanted for each in condition.split(","))


def quoted(etag: str) -> str:
    """An etag field as a header value."""
    return etag if etag.startswith(('"', 'W/"')) else f'"{etag}"'
