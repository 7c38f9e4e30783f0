"""Access tokens, refresh tokens, one-time codes."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.local.secrets import jwks
from services.user.domain import totp
from services.user.domain.accounts import Account, Role
from services.user.domain.api_keys import ApiKey
from services.user.domain.errors import SecondFactorRefused
from services.user.tokens import RefreshChain, Signer

NOW = datetime.now(UTC)
PEM = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
LINA = Account(
    UUID(int=1),
    "l@example.com",
    "",
    "Lina",
    NOW,
    NOW,
    locale="ar",
    roles=frozenset({Role.ADMIN, Role.CLIENT, Role.HOST}),
)


def claims(token: str) -> dict[str, object]:
    [key] = json.loads(jwks(PEM))["keys"]
    assert jwt.get_unverified_header(token)["kid"] == key["kid"]
    # Its time is looked at below, not taken from the machine.
    rules = {"audience": "kerya", "issuer": "kerya", "options": {"verify_exp": False}}
    return dict(jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], **rules))


def test_a_sessions_token_lives_ten_minutes_and_says_who() -> None:
    token = Signer(PEM).for_session(LINA, UUID(int=2), NOW)
    found = claims(token.text)
    assert found["sub"] == "user_00000000000000000000000001" and found["sid"] == "session_00000000000000000000000002"
    assert (found["roles"], found["locale"]) == (["ADMIN", "CLIENT", "HOST"], "ar")
    assert token.expires_at == NOW.replace(microsecond=0) + timedelta(minutes=10)
    assert found["jti"] != claims(Signer(PEM).for_session(LINA, UUID(int=2), NOW).text)["jti"]


@pytest.mark.parametrize(("left", "lives"), [(None, 600), (timedelta(days=9), 600), (timedelta(seconds=90), 90)])
def test_a_keys_token_has_scopes_no_admin_and_no_longer_life_than_the_key(left: timedelta | None, lives: int) -> None:
    expires = NOW + left if left else None
    key = ApiKey(UUID(int=3), UUID(int=1), "", ("users.read", "bookings.read"), b"", NOW, expires)
    found = claims(Signer(PEM).for_api_key(LINA, key, NOW).text)
    assert (found["key"], found["scope"]) == ("apikey_00000000000000000000000003", "users.read bookings.read")
    assert found["roles"] == ["CLIENT", "HOST"] and "sid" not in found
    assert abs(int(str(found["exp"])) - int(str(found["iat"])) - lives) <= 1


def test_another_kind_of_key_signs_nothing() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="Ed25519"):
        Signer(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_refresh_token_has_one_successor_that_only_the_key_knows() -> None:
    chain = RefreshChain(b"k" * 32)
    first = chain.first()
    assert len(first) == len(chain.after(first)) == 43 and first != chain.first()
    assert chain.after(first) == chain.after(first) != chain.after(chain.after(first))
    assert chain.after(first) != RefreshChain(b"l" * 32).after(first)
    assert hashlib.sha256(first.encode()).hexdigest() != chain.after(first)


SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_reference_values_of_rfc_6238(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, totp.step_at(datetime.fromtimestamp(seconds, UTC))) == code


def test_a8_a_code_is_good_once_now_and_one_step_later() -> None:
    step = totp.step_at(NOW)
    assert totp.accepted_step(SECRET, totp.code_at(SECRET, step), NOW, 0) == step
    assert totp.accepted_step(SECRET, totp.code_at(SECRET, step - 1), NOW, 0) == step - 1
    for code, last_step in (
        (totp.code_at(SECRET, step), step),
        (totp.code_at(SECRET, step - 1), step),
        (totp.code_at(SECRET, step - 2), 0),
        (totp.code_at(SECRET, step + 1), 0),
        (totp.code_at(SECRET, step + 2), 0),
        ("", 0),
    ):
        with pytest.raises(SecondFactorRefused):
            totp.accepted_step(SECRET, code, NOW, last_step)


def test_recovery_codes_are_long_and_read_as_people_type_them() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10 and all(len(code) == 19 for code in codes)
    assert totp.read_recovery_code(codes[0].upper().replace("-", "  ")) == codes[0]
