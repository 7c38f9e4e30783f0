"""Stripe's idempotency keys.

The first answer to a key, a declined card included, is kept with the path and parameters it was made for and given
again word for word, marked `Idempotent-Replayed: true`. The same key with another call is an `idempotency_error`. An
answer is kept once the call was carried out; a call refused before that (authentication, a parameter or state that
does not fit) is not.
"""

from __future__ import annotations

import hashlib

from deploy.local.sandbox.store import Store
from deploy.local.sandbox.stripe.errors import StripeError
from deploy.local.sandbox.web import Request, Response

KIND = "stripe.idempotency"


def fingerprint(request: Request) -> str:
    return hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.body).hexdigest()


class Idempotency:
    """Answers kept by key. The sandbox keeps them for as long as it lives; Stripe for a day at least."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replay(self, key: str, request: Request) -> Response | None:
        """The kept answer, None for a new key. StripeError where the key was used for another call."""
        if len(key) > 255:
            raise StripeError(
                "Idempotency keys can only be up to 255 characters long.",
                type="idempotency_error",
            )
        if (kept := self._store.get(KIND, key)) is None:
            return None
        if kept["fingerprint"] != fingerprint(request):
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise StripeError(message, type="idempotency_error")
        return Response(
            kept["status"],
            kept["body"].encode(),
            {**kept["headers"], "idempotent-replayed": "true"},
        )

    def keep(self, key: str, request: Request, response: Response) -> None:
        kept = {
            "fingerprint": fingerprint(request),
            "status": response.status,
            "body": response.body.decode(),
            "headers": dict(response.headers),
        }
        self._store.put(KIND, key, kept)
