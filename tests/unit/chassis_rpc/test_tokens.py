"""Access tokens: what is accepted, and the attacks of reliability rows A1 and A2."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.chassis.errors import ChassisRefusal
from services.chassis.ids import to_typeid
from services.chassis.tokens import KeyFile, TokenVerifier

KEY = Ed25519PrivateKey.generate()
USER, SESSION = uuid.UUID(int=7), uuid.UUID(int=8)
Sign = Callable[..., str]


def write_keys(path: Path, *keys: tuple[str, Ed25519PrivateKey]) -> None:
    def jwk(key_id: str, key: Ed25519PrivateKey) -> dict[str, str]:
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key_id, "x": x}

    path.write_text(json.dumps({"keys": [jwk(*pair) for pair in keys]}))


@pytest.fixture
def verifier(tmp_path: Path) -> TokenVerifier:
    write_keys(tmp_path / "jwks.json", ("k1", KEY))
    return TokenVerifier(KeyFile(tmp_path / "jwks.json"))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": "kerya",
        "aud": "kerya",
        "sub": to_typeid("user", USER),
        "sid": to_typeid("session", SESSION),
        "roles": ["CLIENT"],
        "locale": "fr",
        "jti": "j",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    }
    whole.update(changed)
    return {name: value for name, value in whole.items() if value is not None}


def sign(headers: dict[str, Any] | None = None, key: Any = KEY, algorithm: str = "EdDSA", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers={"typ": "at+jwt", "kid": "k1", **(headers or {})})


def reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(ChassisRefusal) as refused:
        verifier.verify(token)
    return refused.value.reason


def test_a_good_token_names_its_user(verifier: TokenVerifier) -> None:
    principal = verifier.verify(sign())
    assert (principal.user_id, principal.session_id, principal.locale) == (USER, SESSION, "fr")
    assert principal.roles == {"CLIENT"}


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (lambda: sign(exp=int(time.time()) - 60), "TOKEN_EXPIRED"),
        (lambda: sign(key=Ed25519PrivateKey.generate()), "TOKEN_INVALID"),
        (lambda: sign(key="", algorithm="none"), "TOKEN_INVALID"),
        (lambda: sign(key="a" * 64, algorithm="HS256"), "TOKEN_INVALID"),
        (lambda: sign({"kid": "../../x"}), "TOKEN_INVALID"),
        (lambda: sign({"typ": "JWT"}), "TOKEN_INVALID"),
        (lambda: sign({"jku": "https://evil.example/keys", "kid": "other"}), "TOKEN_INVALID"),
        (lambda: sign(aud="other"), "TOKEN_INVALID"),
        (lambda: sign(iss="other"), "TOKEN_INVALID"),
        (lambda: sign(exp=None), "TOKEN_INVALID"),
        (lambda: sign(nbf=int(time.time()) + 600), "TOKEN_INVALID"),
        (lambda: sign(sub="user_nonsense"), "TOKEN_INVALID"),
        (lambda: sign(sub=None), "TOKEN_INVALID"),
        (lambda: "not.a.token", "TOKEN_INVALID"),
        (lambda: "", "TOKEN_INVALID"),
    ],
)
def test_bad_tokens_are_refused(verifier: TokenVerifier, token: Sign, expected: str) -> None:
    assert reason(verifier, token()) == expected


def test_hs256_signed_with_the_public_key_is_refused(verifier: TokenVerifier) -> None:
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert reason(verifier, sign(key=public, algorithm="HS256")) == "TOKEN_INVALID"


def test_a_revoked_session_is_refused_even_when_remembered(tmp_path: Path) -> None:
    write_keys(tmp_path / "jwks.json", ("k1", KEY))
    revoked: set[str] = set()
    verifier = TokenVerifier(KeyFile(tmp_path / "jwks.json"), revoked.__contains__)
    token = sign()
    verifier.verify(token)
    revoked.add(to_typeid("session", SESSION))
    assert reason(verifier, token) == "TOKEN_REVOKED"


def test_a_rotated_key_is_seen_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    write_keys(path, ("k1", KEY))
    verifier = TokenVerifier(KeyFile(path))
    verifier.verify(sign())
    fresh = Ed25519PrivateKey.generate()
    token = sign({"kid": "k2"}, key=fresh)
    assert reason(verifier, token) == "TOKEN_INVALID"
    time.sleep(0.01)
    write_keys(path, ("k1", KEY), ("k2", fresh))
    assert verifier.verify(token).user_id == USER


def test_an_exchanged_api_key_brings_scopes_and_no_session(verifier: TokenVerifier) -> None:
    principal = verifier.verify(sign(sid=None, key_=None, scope="bookings.read properties.read"))
    assert principal.scopes == {"bookings.read", "properties.read"}
    assert principal.session_id is None
