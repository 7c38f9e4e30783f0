"""How a response message becomes an HTTP answer; planned once per binding."""

from __future__ import annotations

from typing import Any

import orjson
from protobuf import Message, Registry, message_to_json_value

from edge.transcoder.binding import HTTP_BODY
from edge.transcoder.contract import ContractFault, HttpBinding, Method
from edge.transcoder.headers import etag_matches, quoted
from edge.transcoder.response import Response

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")
# To be kept, but asked about each time: what an etag is for.
_REVALIDATE = (b"cache-control", b"no-cache")


class Encoder:
    """From wire bytes to the body of an answer."""

    def __init__(self, method: Method, http: HttpBinding, registry: Registry) -> None:
        self._type: type[Message] = method.output.type
        self._registry = registry
        self._is_raw = method.output.type_name == HTTP_BODY
        fields = {field.name: field for field in method.output.fields}
        if http.response_body and http.response_body not in fields:
            raise ContractFault(f"{http.template}: response_body {http.response_body!r} is no top-level field")
        self._part = fields[http.response_body].json_name if http.response_body else ""
        self._has_etag = "etag" in fields

    def response(self, wire: bytes, if_none_match: str, headers: list[tuple[bytes, bytes]]) -> Response:
        """The answer; 304 where the caller has it already. `headers` are what the service asked for."""
        message: Any = self._type.from_binary(wire)
        if self._is_raw:
            media = (message.content_type or "application/octet-stream").encode("latin-1", "replace")
            return Response(200, [(b"content-type", media), *headers], bytes(message.data))
        etag = message.etag if self._has_etag else ""
        if not etag:
            return Response(200, [_JSON, _NO_STORE, *headers], self.json(message))
        tag = (b"etag", quoted(etag).encode("latin-1", "replace"))
        if if_none_match and etag_matches(if_none_match, quoted(etag)):
            return Response(304, [tag, _REVALIDATE, *headers])
        return Response(200, [_JSON, tag, _REVALIDATE, *headers], self.json(message))

    def json(self, message: Message) -> bytes:
        """A message, or the part of it that `response_body` names, as JSON."""
        if not self._part:
            return message.to_json(registry=self._registry).encode()
        whole: Any = message_to_json_value(message, registry=self._registry, always_emit_implicit=True)
        return orjson.dumps(whole.get(self._part))

    def item(self, wire: bytes) -> tuple[bytes, Message]:
        """One message of a stream, as JSON on one line."""
        message = self._type.from_binary(wire)
        return self.json(message), message
