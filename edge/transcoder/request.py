"""One HTTP request as the transcoder sees it."""

from __future__ import annotations

from urllib.parse import quote

from edge.transcoder.faults import Fault, Violation, invalid_request
from edge.transcoder.headers import Headers
from edge.transcoder.response import Receive, Scope

MAX_TARGET = 4096
DEFAULT_SECONDS = 5.0
MAX_SECONDS = 10.0


class Request:
    """Method, raw path and query, headers, and where the body comes from."""

    __slots__ = ("headers", "method", "path", "query", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        raw = scope.get("raw_path")
        self.method: str = scope.get("method", "GET")
        self.path = raw.decode("latin-1") if raw else quote(scope["path"], safe="/:!$&'()*+,;=@%")
        self.query = scope["query_string"].decode("latin-1")
        self.headers = Headers(scope["headers"])
        self.receive = receive

    def check_target(self) -> None:
        """Refuses a path and query beyond MAX_TARGET bytes. Raises Fault."""
        if len(self.path) + len(self.query) > MAX_TARGET:
            raise Fault("INVALID_REQUEST", http_status=414, max_bytes=MAX_TARGET)

    def timeout(self) -> float:
        """Seconds the caller gives us: X-Request-Timeout, DEFAULT_SECONDS without it, never more than MAX_SECONDS."""
        text = self.headers.get(b"x-request-timeout")
        if not text:
            return DEFAULT_SECONDS
        try:
            wanted = float(text.removesuffix("s"))
        except ValueError:
            wanted = 0.0
        if not wanted > 0:
            raise invalid_request([Violation("X-Request-Timeout", "seconds above 0 are expected")])
        return min(wanted, MAX_SECONDS)
