"""Development secrets: every file the services expect, made at the first run and never touched again."""

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from deploy.local.files import replace
from services.chassis.topology import Topology

_JWT_KEY = "jwt_signing_key.pem"
_SENDGRID_SIGNING_KEY = "sendgrid_webhook_signing_key.pem"


def ensure(directory: Path, topology: Topology) -> list[str]:
    """Makes the files that are missing; their names."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    made = []
    for name, make in _wanted(directory, topology):
        if not (directory / name).exists():
            replace(directory / name, make())
            made.append(name)
    return made


def read(directory: Path, name: str) -> str:
    return (directory / name).read_text().strip()


def postgres_password(directory: Path, role: str) -> str:
    return read(directory, f"postgres_{role}.password")


def nats_password(directory: Path, user: str) -> str:
    return read(directory, f"nats_{user}.password")


def _wanted(directory: Path, topology: Topology) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Every file and what makes it; a file comes after those it is derived from."""
    yield _JWT_KEY, lambda: _pem(ed25519.Ed25519PrivateKey.generate())
    yield "jwks.json", lambda: jwks((directory / _JWT_KEY).read_bytes())
    for name in ("page_token.key", "quote.key", "blind_index.key", "password_pepper.key"):
        yield name, _key
    yield "field_keys.json", _field_keys
    yield "stripe_api_key", lambda: _token("sk_test_")
    yield "stripe_webhook_secret", lambda: _token("whsec_")
    yield "sendgrid_api_key", lambda: _token("SG.")
    yield _SENDGRID_SIGNING_KEY, lambda: _pem(ec.generate_private_key(ec.SECP256R1()))
    yield "sendgrid_webhook_key", lambda: _sendgrid_public(directory)
    yield "redis.password", _password
    for role in ("postgres", *topology.services):
        yield f"postgres_{role}.password", _password
    for user in ("operator", *topology.services):
        yield f"nats_{user}.password", _password


def jwks(signing_key: bytes) -> bytes:
    """The public set of an Ed25519 key in PEM; its key id is the RFC 7638 thumbprint."""
    key = serialization.load_pem_private_key(signing_key, password=None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    required = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(key.public_key().public_bytes_raw())}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True).encode()
    kid = _base64url(hashlib.sha256(canonical).digest())
    return json.dumps({"keys": [{**required, "kid": kid, "use": "sig", "alg": "EdDSA"}]}, indent=2).encode()


def _sendgrid_public(directory: Path) -> bytes:
    """What the provider shows its customer: the public half, base64 of DER."""
    key = serialization.load_pem_private_key((directory / _SENDGRID_SIGNING_KEY).read_bytes(), password=None)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der)


def _field_keys() -> bytes:
    return json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(secrets.token_bytes(32)).decode()}}).encode()


def _key() -> bytes:
    return secrets.token_hex(32).encode()


def _password() -> bytes:
    return secrets.token_hex(24).encode()


def _token(prefix: str) -> bytes:
    return f"{prefix}{secrets.token_urlsafe(32)}".encode()


def _pem(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
