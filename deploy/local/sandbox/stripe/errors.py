"""Stripe's error object."""

from __future__ import annotations

from typing import Any

from deploy.local.sandbox.web import Response, json


class StripeError(Exception):
    """Becomes `{"error": {...}}` with an HTTP status, as Stripe words it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.details = details

    def response(self) -> Response:
        error = {
            "type": self.type,
            "message": str(self),
            **{k: v for k, v in self.details.items() if v is not None},
        }
        return json({"error": error}, self.status)


def missing(param: str) -> StripeError:
    return StripeError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def no_such(noun: str, id: str, param: str) -> StripeError:
    return StripeError(f"No such {noun}: '{id}'", status=404, code="resource_missing", param=param)
