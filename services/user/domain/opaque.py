"""Opaque secrets: 256 random bits, handed out once and kept as a digest only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def new_secret() -> str:
    """32 random bytes as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a secret. It has 256 bits of entropy, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def successor(key: bytes, secret: str) -> str:
    """The secret that follows `secret`: the same however often it is asked, and not to be foretold without the key."""
    return base64.urlsafe_b64encode(hmac.digest(key, secret.encode(), "sha256")).rstrip(b"=").decode()
