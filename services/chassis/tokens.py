"""Verifies access tokens against the public key set; a verified token is remembered until it expires."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import jwt

from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid
from services.chassis.principal import Principal

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"
ISSUER = AUDIENCE = "kerya"
# RFC 8725 3.10: clocks of one mesh may differ a little, never by a token's life.
LEEWAY_SECONDS = 30
REMEMBERED = 10_000

_REQUIRED = ["exp", "iat", "iss", "aud", "sub", "jti"]


class KeySource(Protocol):
    """Where public keys come from."""

    def key(self, key_id: str) -> Any | None:
        """The public key with that id, or None."""


class KeyFile:
    """A JWKS file, read again whenever it changes, so that a rotated key needs no restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._modified = 0
        self._keys: dict[str, Any] = {}

    def key(self, key_id: str) -> Any | None:
        """The public key with that id, or None."""
        modified = self._path.stat().st_mtime_ns
        if modified != self._modified:
            self._keys = {
                key.key_id: key.key
                for key in jwt.PyJWKSet.from_json(self._path.read_text()).keys
                if key.key_id is not None
            }
            self._modified = modified
        return self._keys.get(key_id)


class TokenVerifier:
    """Turns an access token into a Principal, or refuses it with TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED."""

    def __init__(self, keys: KeySource, is_revoked: Callable[[str], bool] = lambda _: False) -> None:
        self._keys = keys
        self._is_revoked = is_revoked
        self._verified: dict[str, tuple[Principal, float, str]] = {}

    def verify(self, token: str) -> Principal:
        """The end user behind the token."""
        known = self._verified.get(token)
        if known is None:
            known = self._remember(token, self._claims(token))
        principal, expires, handle = known
        if expires + LEEWAY_SECONDS < time.time():
            self._verified.pop(token, None)
            raise ChassisRefusal("TOKEN_EXPIRED")
        if self._is_revoked(handle):
            raise ChassisRefusal("TOKEN_REVOKED")
        return principal

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.key(str(header.get("kid", "")))
            if header.get("typ") != TOKEN_TYPE or key is None:
                raise ChassisRefusal("TOKEN_INVALID")
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except jwt.ExpiredSignatureError:
            raise ChassisRefusal("TOKEN_EXPIRED") from None
        except jwt.PyJWTError:
            raise ChassisRefusal("TOKEN_INVALID") from None

    def _remember(self, token: str, claims: Mapping[str, Any]) -> tuple[Principal, float, str]:
        if len(self._verified) >= REMEMBERED:
            del self._verified[next(iter(self._verified))]
        handle = str(claims.get("sid") or claims.get("key") or "")
        self._verified[token] = (_principal(claims), float(claims["exp"]), handle)
        return self._verified[token]


def _principal(claims: Mapping[str, Any]) -> Principal:
    try:
        return Principal(
            user_id=from_typeid("user", claims["sub"]),
            roles=frozenset(claims.get("roles", ())),
            scopes=frozenset(str(claims.get("scope", "")).split()),
            session_id=from_typeid("session", claims["sid"]) if "sid" in claims else None,
            api_key_id=from_typeid("apikey", claims["key"]) if "key" in claims else None,
            locale=str(claims.get("locale", "en")),
        )
    except (ChassisRefusal, ValueError, TypeError):
        raise ChassisRefusal("TOKEN_INVALID") from None
