"""Page tokens: opaque, signed, and bound to the query and the caller they were made for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from services.chassis.call import current_call
from services.chassis.errors import ChassisRefusal

DEFAULT_SIZE = 25
LARGEST_SIZE = 100
_TAG_BYTES = 16
_PAGE_FIELDS = ("page_size", "page_token")

Cursor = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a list request asks for: at most `size` rows, those behind the keyset cursor `after`."""

    size: int
    after: Cursor | None


def _bound_to() -> str:
    """The caller, whose list it is; nobody for what is the same for everybody, and may come from the edge's cache."""
    call = current_call()
    return "" if call is None or call.rule.access.public else call.principal.subject


class Paging:
    """Opens and makes page tokens with the mesh's page key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open(self, request: Any) -> Page:
        """Reads page_size and page_token. PAGE_TOKEN_INVALID for a token of another query or caller."""
        size = min(request.page_size or DEFAULT_SIZE, LARGEST_SIZE)
        return Page(size, self._cursor(request) if request.page_token else None)

    def token(self, request: Any, after: Cursor | None) -> str:
        """The token of the page behind `after`; "" where there is none."""
        if after is None:
            return ""
        body = json.dumps(after, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(request, body) + body).rstrip(b"=").decode()

    def _cursor(self, request: Any) -> Cursor:
        text = request.page_token.encode()
        try:
            raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
        except ValueError:
            raise ChassisRefusal("PAGE_TOKEN_INVALID") from None
        tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(request, body)):
            raise ChassisRefusal("PAGE_TOKEN_INVALID")
        return tuple(json.loads(body))

    def _tag(self, request: Message, body: bytes) -> bytes:
        query = type(request)()
        query.CopyFrom(request)
        for field in _PAGE_FIELDS:
            query.ClearField(field)
        material = b"\0".join(
            [
                query.DESCRIPTOR.full_name.encode(),
                _bound_to().encode(),
                query.SerializeToString(deterministic=True),
                body,
            ]
        )
        return hmac.digest(self._key, material, hashlib.sha256)[:_TAG_BYTES]
