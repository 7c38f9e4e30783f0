"""Tokens at the edge: what is there must be good; no token, and API keys, pass on."""

from __future__ import annotations

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integration.edge_envoy.harness import Edge, TokenIssuer


def unsigned(issuer: TokenIssuer) -> str:
    """A token whose header says that it needs no signature."""
    payload = issuer.token().split(".")[1]
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}."


def bad_tokens(issuer: TokenIssuer) -> dict[str, str]:
    now = int(time.time())
    head, payload, signature = issuer.token().split(".")
    return {
        "malformed": "abc",
        "forged": issuer.token(key=Ed25519PrivateKey.generate()),
        "tampered": f"{head}.{payload[:-2]}AA.{signature}",
        "alg none": unsigned(issuer),
        "other audience": issuer.token(aud="elsewhere"),
        "other issuer": issuer.token(iss="elsewhere"),
        "no expiry": issuer.token(exp=None),
        "not yet": issuer.token(nbf=now + 600),
    }


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_bad_tokens_are_401_with_a_reason(edge: Edge, scheme: str) -> None:
    async with edge.client() as client:
        for name, token in bad_tokens(edge.issuer).items():
            answer = await client.get("/v1/x", headers={"authorization": f"{scheme} {token}"})
            assert answer.status_code == 401, name
            error = answer.json()["error"]
            assert error["status"] == "UNAUTHENTICATED"
            assert error["details"][0]["reason"] == "TOKEN_INVALID", name
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
            assert token not in answer.text


async def test_an_expired_token_is_told_apart(edge: Edge) -> None:
    expired = edge.issuer.token(exp=int(time.time()) - 300)
    async with edge.client() as client:
        answer = await client.get("/v1/x", headers={"authorization": f"Bearer {expired}"})
    assert answer.status_code == 401
    assert answer.json()["error"]["details"][0]["reason"] == "TOKEN_EXPIRED"


async def test_a_good_token_is_handed_on(edge: Edge) -> None:
    authorization = f"Bearer {edge.issuer.token()}"
    async with edge.client() as client:
        answer = await client.get("/v1/x", headers={"authorization": authorization})
    assert answer.json()["headers"]["authorization"] == authorization


async def test_no_token_passes_for_the_services_to_decide(edge: Edge) -> None:
    async with edge.client() as client:
        assert (await client.get("/v1/x")).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"authorization": "Bearer kerya_01abc_secret"}, {"x-api-key": "kerya_01abc_secret"}]
)
async def test_api_keys_reach_the_transcoder_untouched(edge: Edge, headers: dict[str, str]) -> None:
    async with edge.client() as client:
        answer = await client.get("/v1/x", headers=headers)
    assert answer.status_code == 200
    assert headers.items() <= answer.json()["headers"].items()


async def test_a_token_in_the_query_is_no_token(edge: Edge) -> None:
    """Query strings are logged by others; a token there must not sign anybody in, nor be refused as if it had."""
    async with edge.client() as client:
        answer = await client.get("/v1/x", params={"access_token": edge.issuer.token(aud="elsewhere")})
    assert answer.status_code == 200
    assert "authorization" not in answer.json()["headers"]
