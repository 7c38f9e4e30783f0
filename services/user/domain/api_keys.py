"""API keys: long-lived secrets with which a program gets short-lived access tokens."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.user.domain.errors import ApiKeyInvalid, ApiKeyLimitReached
from services.user.domain.opaque import digest

MOST_PER_USER = 20
PREFIX = "kerya_"
ID_LENGTH = 26
# How precisely the last use is known; finer would be a write for every exchange.
USE_PRECISION = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret, of which only the digest is known."""

    api_key_id: UUID
    user_id: UUID
    display_name: str
    scopes: tuple[str, ...]
    secret_digest: bytes
    created_at: datetime
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def require_good(self, secret: str, now: datetime) -> None:
        """Raises ApiKeyInvalid if the secret is another one, or the key expired or revoked."""
        if not hmac.compare_digest(self.secret_digest, digest(secret)) or self.revoked_at is not None:
            raise ApiKeyInvalid
        if self.expires_at is not None and now >= self.expires_at:
            raise ApiKeyInvalid

    def is_use_worth_noting(self, now: datetime) -> bool:
        """Whether the stored time of the last use is too old."""
        return self.used_at is None or now - self.used_at >= USE_PRECISION


def write(identifier: str, secret: str) -> str:
    """The key as it is handed out; `identifier` is the 26 characters of its TypeID."""
    return f"{PREFIX}{identifier}_{secret}"


def read(text: str) -> tuple[str, str]:
    """Identifier and secret of a key. Raises ApiKeyInvalid if it is malformed."""
    identifier, secret = text[len(PREFIX) : len(PREFIX) + ID_LENGTH], text[len(PREFIX) + ID_LENGTH + 1 :]
    if not secret or write(identifier, secret) != text:
        raise ApiKeyInvalid
    return identifier, secret


def require_room(count: int) -> None:
    """Raises ApiKeyLimitReached if a user with `count` keys may not have another one."""
    if count >= MOST_PER_USER:
        raise ApiKeyLimitReached(limit=MOST_PER_USER)
