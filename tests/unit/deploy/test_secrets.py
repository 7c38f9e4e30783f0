"""Development secrets: complete, private, and made once."""

import base64
import hashlib
import json
import stat
from pathlib import Path

import jwt

from deploy.local import secrets
from services.chassis.topology import load

TOPOLOGY = load(environment={})


def _contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_every_expected_file_is_there(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    expected = {"jwt_signing_key.pem", "jwks.json", "page_token.key", "quote.key", "blind_index.key"}
    expected |= {"password_pepper.key", "field_keys.json", "stripe_api_key", "stripe_webhook_secret"}
    expected |= {"sendgrid_api_key", "sendgrid_webhook_key", "redis.password"}
    expected |= {f"{engine}_{service}.password" for engine in ("postgres", "nats") for service in TOPOLOGY.services}
    assert expected <= _contents(tmp_path).keys()


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    before = _contents(tmp_path)
    assert secrets.ensure(tmp_path, TOPOLOGY) == []
    assert _contents(tmp_path) == before


def test_only_the_missing_file_is_made_again(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    before = _contents(tmp_path)
    (tmp_path / "quote.key").unlink()
    assert secrets.ensure(tmp_path, TOPOLOGY) == ["quote.key"]
    after = _contents(tmp_path)
    assert after.pop("quote.key") != before.pop("quote.key")
    assert after == before


def test_nobody_else_can_read_them(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    secrets.ensure(directory, TOPOLOGY)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_the_published_key_verifies_what_the_private_one_signs(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    [key] = json.loads((tmp_path / "jwks.json").read_bytes())["keys"]
    token = jwt.encode({"sub": "somebody"}, (tmp_path / "jwt_signing_key.pem").read_text(), algorithm="EdDSA")
    assert jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"]) == {"sub": "somebody"}
    assert "d" not in key


def test_the_key_id_is_the_thumbprint_of_rfc_7638(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    [key] = json.loads((tmp_path / "jwks.json").read_bytes())["keys"]
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{key["x"]}"}}'.encode()
    assert key["kid"] == base64.urlsafe_b64encode(hashlib.sha256(members).digest()).rstrip(b"=").decode()


def test_symmetric_keys_have_32_bytes(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, TOPOLOGY)
    for name in ("page_token.key", "quote.key", "blind_index.key", "password_pepper.key"):
        assert len(bytes.fromhex(secrets.read(tmp_path, name))) == 32
    fields = json.loads(secrets.read(tmp_path, "field_keys.json"))
    assert len(base64.b64decode(fields["keys"][fields["current"]])) == 32
