"""Sessions and tokens (reliability A1 to A4)."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from google.protobuf.empty_pb2 import Empty

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_events_pb2 as events
from kerya.user.v1 import user_pb2
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid
from tests.integration.user.stand import Person, Stand, reason_of, refused


async def test_an_access_token_says_who_calls_for_ten_minutes(person: Person) -> None:
    await person.register(roles=["HOST"])
    answer = await person.call(person.auth.GetJwks, auth.GetJwksRequest(), token="")
    assert answer.content_type == "application/json"
    [key] = json.loads(answer.data)["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig") and "d" not in key
    token = person.tokens.access_token
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}
    claims = jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="kerya", issuer="kerya")
    assert claims.keys() == {"iss", "aud", "sub", "sid", "roles", "locale", "jti", "iat", "nbf", "exp"}
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["sub"], claims["sid"]) == (person.user_id, person.tokens.session_id)
    assert (claims["roles"], claims["locale"]) == (["CLIENT", "HOST"], "fr")
    assert person.tokens.expire_time.seconds == claims["exp"]
    assert from_typeid("session", claims["sid"])


def _forged(stand: Stand, person: Person) -> dict[str, str]:
    secrets = stand.settings.secrets_directory
    assert secrets is not None
    signing = (secrets / "jwt_signing_key.pem").read_bytes()
    public = json.loads((secrets / "jwks.json").read_bytes())["keys"][0]["x"].encode()
    header = jwt.get_unverified_header(person.tokens.access_token)
    claims = jwt.decode(person.tokens.access_token, options={"verify_signature": False})
    now = int(datetime.now(UTC).timestamp())

    def signed(head: dict[str, Any] | None = None, **changed: Any) -> str:
        body = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return jwt.encode(body, signing, algorithm="EdDSA", headers={**header, **(head or {})})

    def unsigned(algorithm: str) -> str:
        parts = [{**header, "alg": algorithm}, claims]
        return (
            ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
        )

    return {
        "alg none": unsigned("none"),
        "HS256 with the public key": jwt.encode(claims, public, "HS256", {**header, "alg": "HS256"}),
        "key id out of the set": signed({"kid": "../../secrets/jwks"}),
        "expired": signed(exp=now - 120),
        "not yet": signed(nbf=now + 600),
        "another audience": signed(aud="elsewhere"),
        "another issuer": signed(iss="elsewhere"),
        "no expiry": signed(exp=None),
        "another type": signed({"typ": "JWT"}),
        "a refresh token": person.tokens.refresh_token,
    }


@pytest.mark.parametrize(
    "kind",
    [
        "alg none",
        "HS256 with the public key",
        "key id out of the set",
        "expired",
        "not yet",
        "another audience",
        "another issuer",
        "no expiry",
        "another type",
        "a refresh token",
    ],
)
async def test_a1_a2_tokens_that_are_not_ours_or_not_good(stand: Stand, person: Person, kind: str) -> None:
    await person.register()
    async with refused("TOKEN_EXPIRED" if kind == "expired" else "TOKEN_INVALID", grpc.StatusCode.UNAUTHENTICATED):
        await person.call(person.users.GetMe, users.GetMeRequest(), token=_forged(stand, person)[kind])


async def test_a_refresh_token_is_spent_by_its_use(person: Person) -> None:
    first = (await person.register()).tokens
    second = await person.refresh(first.refresh_token)
    third = await person.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert first.session_id == second.session_id == third.session_id
    person.tokens = third
    assert (await person.call(person.users.GetMe, users.GetMeRequest())).user_id == person.user_id


async def test_a4_a_lost_answer_can_be_asked_for_again_for_ten_seconds(stand: Stand, person: Person) -> None:
    first = (await person.register()).tokens
    second = await person.refresh(first.refresh_token)
    assert (await person.refresh(first.refresh_token)).refresh_token == second.refresh_token
    stand.clock.ahead += timedelta(seconds=11)
    async with refused("REFRESH_TOKEN_REUSED", grpc.StatusCode.UNAUTHENTICATED):
        await person.refresh(first.refresh_token)


async def test_a4_a_token_used_twice_ends_the_whole_session(stand: Stand, person: Person) -> None:
    first = (await person.register()).tokens
    second = await person.refresh(first.refresh_token)
    third = await person.refresh(second.refresh_token)
    async with refused("REFRESH_TOKEN_REUSED"):
        await person.refresh(first.refresh_token)
    for token in (second, third):
        async with refused("REFRESH_TOKEN_INVALID"):
            await person.refresh(token.refresh_token)
    [revoked] = await stand.events(events.SessionRevoked, session_id=first.session_id)
    assert (revoked.user_id, revoked.cause) == (person.user_id, events.SessionRevoked.TOKEN_REUSED)
    await _until_revoked(person)


async def test_a4_twenty_at_once_have_one_successor(stand: Stand, person: Person) -> None:
    first = (await person.register()).tokens
    answers = await asyncio.gather(*(person.refresh(first.refresh_token) for _ in range(20)), return_exceptions=True)
    pairs = [answer for answer in answers if isinstance(answer, user_pb2.TokenPair)]
    assert pairs and {pair.refresh_token for pair in pairs} == {pairs[0].refresh_token}
    refusals = {reason_of(error)[0] for error in answers if isinstance(error, grpc.aio.AioRpcError)}
    assert refusals <= {"DEPENDENCY_UNAVAILABLE"}
    me = from_typeid("session", first.session_id)
    rows = await stand.rows("SELECT generation FROM refresh_token WHERE session_id = :me ORDER BY generation", me=me)
    assert [row.generation for row in rows] == [0, 1]
    await person.refresh(pairs[0].refresh_token)


@pytest.mark.parametrize(("every", "ends_after"), [(20, 14), (10, 30)])
async def test_a_session_ends_unused_or_old(stand: Stand, person: Person, every: int, ends_after: int) -> None:
    tokens = (await person.register()).tokens
    spent = 0
    while spent + every < ends_after:
        stand.clock.ahead += timedelta(days=every)
        spent += every
        tokens = await person.refresh(tokens.refresh_token)
    stand.clock.ahead += timedelta(days=every)
    async with refused("REFRESH_TOKEN_INVALID"):
        await person.refresh(tokens.refresh_token)


async def test_a_token_nobody_was_given_is_refused(person: Person) -> None:
    async with refused("REFRESH_TOKEN_INVALID"):
        await person.refresh("x" * 43)


async def test_a3_signing_out_ends_the_session_and_its_access_token(stand: Stand, person: Person) -> None:
    await person.register()
    assert isinstance(await person.call(person.auth.Logout, auth.LogoutRequest()), Empty)
    async with refused("REFRESH_TOKEN_INVALID"):
        await person.refresh(person.tokens.refresh_token)
    await _until_revoked(person)


async def test_sessions_are_listed_and_ended_one_by_one(stand: Stand, member: Person) -> None:
    phone = Person(stand, member.email)
    await phone.login(device_name="Telephone")
    await member.login(device_name="Firefox on Linux")
    listed = await member.call(member.auth.ListSessions, auth.ListSessionsRequest(page_size=2))
    assert [session.device_name for session in listed.sessions] == ["Firefox on Linux", "Telephone"]
    assert [session.current for session in listed.sessions] == [True, False]
    assert [session.address for session in listed.sessions] == [member.address, phone.address]
    rest = auth.ListSessionsRequest(page_size=2, page_token=listed.next_page_token)
    last = await member.call(member.auth.ListSessions, rest)
    assert len(last.sessions) == 1 and last.next_page_token == ""
    stranger = Person(stand)
    await stranger.register()
    async with refused("PAGE_TOKEN_INVALID"):
        await stranger.call(stranger.auth.ListSessions, rest)
    ending = auth.DeleteSessionRequest(session_id=phone.tokens.session_id)
    async with refused("SESSION_NOT_FOUND", grpc.StatusCode.NOT_FOUND) as refusal:
        await stranger.call(stranger.auth.DeleteSession, ending)
    assert refusal.metadata == {"session_id": phone.tokens.session_id}
    await member.call(member.auth.DeleteSession, ending)
    async with refused("REFRESH_TOKEN_INVALID"):
        await phone.refresh(phone.tokens.refresh_token)
    await _until_revoked(phone)


async def test_signing_out_everywhere(stand: Stand, member: Person) -> None:
    phone = Person(stand, member.email)
    await phone.login()
    await member.call(member.auth.Logout, auth.LogoutRequest(all_sessions=True))
    for one in (phone, member):
        async with refused("REFRESH_TOKEN_INVALID"):
            await one.refresh(one.tokens.refresh_token)


async def _until_revoked(person: Person) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await person.call(person.users.GetMe, users.GetMeRequest())
            except grpc.aio.AioRpcError as error:
                assert reason_of(error)[0] == "TOKEN_REVOKED"
                return
            await asyncio.sleep(0.05)
