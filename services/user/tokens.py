"""Access tokens (RFC 9068 in spirit: signed, typed, short-lived) and the chain of refresh tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from services.chassis.ids import new_id, to_typeid
from services.chassis.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE
from services.user.domain.accounts import Account, Role
from services.user.domain.api_keys import ApiKey
from services.user.domain.opaque import new_secret, successor
from services.user.ports import AccessToken

# Short, because a token cannot be taken back where the news of it does not arrive.
LIFETIME = timedelta(minutes=10)


class Signer:
    """Signs access tokens with an Ed25519 key in PKCS #8 PEM form."""

    def __init__(self, pem: bytes) -> None:
        key = load_pem_private_key(pem, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("the signing key must be an Ed25519 key")
        self._key = key
        self._headers = {"typ": TOKEN_TYPE, "kid": _thumbprint(key)}

    def for_session(self, account: Account, session_id: UUID, now: datetime) -> AccessToken:
        """A token of somebody who signed in."""
        claims = {"sid": to_typeid("session", session_id), "roles": sorted(account.roles)}
        return self._sign(account, claims, now, now + LIFETIME)

    def for_api_key(self, account: Account, key: ApiKey, now: datetime) -> AccessToken:
        """A token of a program. It never runs the marketplace, even where its owner does, and never outlives its key."""
        claims = {
            "key": to_typeid("apikey", key.api_key_id),
            "scope": " ".join(key.scopes),
            "roles": sorted(account.roles - {Role.ADMIN}),
        }
        return self._sign(account, claims, now, min(now + LIFETIME, key.expires_at or now + LIFETIME))

    def _sign(self, account: Account, claims: Mapping[str, object], now: datetime, expires_at: datetime) -> AccessToken:
        common = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": to_typeid("user", account.user_id),
            "locale": account.locale,
            "jti": str(new_id()),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        text = jwt.encode({**common, **claims}, self._key, algorithm=ALGORITHM, headers=self._headers)
        return AccessToken(text, expires_at.replace(microsecond=0))


class RefreshChain:
    """Refresh tokens: the first is random, each next follows from the one before and a key that only we hold. So the
    successor can be given again to a client that lost it, without ever being stored."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, b"refresh token successor", "sha256")

    def first(self) -> str:
        """A random token of 256 bits."""
        return new_secret()

    def after(self, token: str) -> str:
        """The token that follows."""
        return successor(self._key, token)


def _thumbprint(key: Ed25519PrivateKey) -> str:
    """RFC 7638."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    members = {"crv": "Ed25519", "kty": "OKP", "x": _base64(raw)}
    return _base64(hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
