"""Request bodies over ASGI: bounded, uncompressed, in a media type that is taken."""

from __future__ import annotations

import re

from edge.transcoder.faults import Fault
from edge.transcoder.headers import Headers
from edge.transcoder.response import Receive

_JSON = re.compile(r"application/(?:json|[a-z0-9.+-]+\+json)\Z")
_NDJSON = "application/x-ndjson"


class ClientGone(Exception):
    """The caller closed the connection; there is nobody to answer."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """The whole body. Raises Fault(BODY_TOO_LARGE) beyond `limit` bytes, ClientGone."""
    declared = headers.get(b"content-length")
    if declared.isdigit() and int(declared) > limit:
        raise Fault("BODY_TOO_LARGE", max_bytes=limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and message["type"] == "http.request" and len(body) <= limit:
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False) and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if message["type"] == "http.disconnect":
        raise ClientGone
    if size > limit:
        raise Fault("BODY_TOO_LARGE", max_bytes=limit)
    return b"".join(parts)


def check_encoding(headers: Headers) -> None:
    """Refuses compressed bodies: what a bomb unpacks to cannot be bounded before it is. Raises Fault."""
    if headers.get(b"content-encoding").lower() not in ("", "identity"):
        raise Fault("MEDIA_TYPE_UNSUPPORTED", headers=[(b"accept-encoding", b"identity")])


def check_json(content_type: str) -> None:
    """Raises Fault(MEDIA_TYPE_UNSUPPORTED) unless it is JSON in UTF-8."""
    media, _, parameters = content_type.lower().partition(";")
    charset = parameters.partition("charset=")[2].strip(' "')
    if not _JSON.match(media.strip()) or charset not in ("", "utf-8", "utf8"):
        raise Fault("MEDIA_TYPE_UNSUPPORTED", headers=[(b"accept", b"application/json")])


def is_ndjson(content_type: str) -> bool:
    """Whether a body is one JSON value a line."""
    return content_type.partition(";")[0].strip().lower() == _NDJSON
