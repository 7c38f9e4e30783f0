"""What every operation of the OpenAPI document refers to."""

from __future__ import annotations

from typing import Any

from edge.portal.schemas import Schema

ABOUT = """Rent and let homes: properties, bookings, payments, messages and notifications.

Names are lowerCamelCase, 64-bit integers are strings, times are RFC 3339. Unknown fields and parameters are refused.
Every failure has the body of `Error`; `reason` in its `ErrorInfo` is what programs decide by. `Accept-Language` chooses
`ar`, `fr` or `en` for `LocalizedMessage`. `X-Request-Timeout` gives a request fewer (or up to 10) seconds than 5.
"""
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "An access token."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key of POST /v1/apiKeys."},
}
_KEY: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
_KEY_TEXT = (
    "Chosen by the caller. A repeated request with the same key is answered with the first one's answer for 24 hours."
)


def _header(name: str, text: str, schema: Schema, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "description": text, "schema": schema}


PARAMETERS = {
    "IdempotencyKeyRequired": _header("Idempotency-Key", _KEY_TEXT, _KEY, required=True),
    "IdempotencyKeyAccepted": _header("Idempotency-Key", _KEY_TEXT, _KEY),
    "IfMatch": _header(
        "If-Match", "The etag the change was made from; 412 where it is no longer so.", {"type": "string"}
    ),
    "IfNoneMatch": _header("If-None-Match", "The etag the caller has; 304 where it is still so.", {"type": "string"}),
}
ERROR: Schema = {
    "type": "object",
    "description": "What went wrong.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "The canonical code, such as NOT_FOUND."},
                "message": {"type": "string", "description": "For developers, in English."},
                "details": {
                    "type": "array",
                    "description": "One google.rpc.ErrorInfo, and where they apply BadRequest, PreconditionFailure, "
                    "RetryInfo, LocalizedMessage and others.",
                    "items": {"type": "object", "required": ["@type"], "properties": {"@type": {"type": "string"}}},
                },
            },
        }
    },
}
ERROR_RESPONSE = {
    "description": "Any failure.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
