"""API keys: made once, shown once, exchanged for tokens with their scopes."""

import asyncio
from datetime import timedelta

import grpc
import jwt
import pytest

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_events_pb2 as events
from kerya.user.v1 import user_pb2
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid
from tests.integration.user.stand import Person, Stand, reason_of, refused


async def _make(person: Person, *scopes: str, key: str = "made once", **fields: object) -> user_pb2.ApiKey:
    request = auth.CreateApiKeyRequest(
        **{"display_name": "sync", "scopes": scopes or ["users.read"], "password": person.password, **fields}
    )
    made: user_pb2.ApiKey = await person.call(person.auth.CreateApiKey, request, key)
    return made


async def _exchange(person: Person, secret: str) -> str:
    request = auth.ExchangeApiKeyRequest(api_key=secret)
    token: user_pb2.AccessToken = await person.call(person.auth.ExchangeApiKey, request, token="")
    return token.access_token


async def test_a_key_calls_in_its_owners_name_within_its_scopes(stand: Stand, member: Person) -> None:
    me = from_typeid("user", member.user_id)
    await stand.execute("UPDATE account SET roles = '{ADMIN,CLIENT,HOST}' WHERE user_id = :me", me=me)
    made = await _make(member, "users.read", "bookings.write")
    assert made.secret.startswith(f"kerya_{made.api_key_id.removeprefix('apikey_')}_") and not made.HasField("use_time")
    token = await _exchange(member, made.secret)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["key"], claims["scope"]) == (
        member.user_id,
        made.api_key_id,
        "users.read bookings.write",
    )
    assert "sid" not in claims and claims["roles"] == ["CLIENT", "HOST"]  # a program never runs the marketplace
    assert (await member.call(member.users.GetMe, users.GetMeRequest(), token=token)).user_id == member.user_id
    for rpc, request in (
        (member.users.GetPoints, users.GetPointsRequest()),
        (member.auth.ListApiKeys, auth.ListApiKeysRequest()),
        (member.users.DeleteMe, users.DeleteMeRequest()),
    ):
        async with refused("ACCESS_DENIED", grpc.StatusCode.PERMISSION_DENIED):
            await member.call(rpc, request, token=token)


async def test_a_key_is_shown_once_and_stored_as_a_digest(stand: Stand, member: Person) -> None:
    made = await _make(member)
    assert await _make(member) == made  # the same idempotency key: the stored answer
    [listed] = (await member.call(member.auth.ListApiKeys, auth.ListApiKeysRequest())).api_keys
    assert (listed.api_key_id, listed.display_name, listed.secret) == (made.api_key_id, "sync", "")
    rows = await stand.rows("SELECT t::text AS line FROM api_key t UNION ALL SELECT i::text FROM idempotency i")
    secret = made.secret.split("_", 2)[2]  # which may hold underscores itself
    assert not any(secret in row.line or secret.encode().hex() in row.line for row in rows)


async def test_a_revoked_key_is_no_longer_good_nor_its_tokens(stand: Stand, member: Person) -> None:
    made = await _make(member)
    token = await _exchange(member, made.secret)
    stranger = Person(stand)
    await stranger.register()
    async with refused("API_KEY_NOT_FOUND", grpc.StatusCode.NOT_FOUND) as refusal:
        await stranger.call(stranger.auth.DeleteApiKey, auth.DeleteApiKeyRequest(api_key_id=made.api_key_id))
    assert refusal.metadata == {"api_key_id": made.api_key_id}
    await member.call(member.auth.DeleteApiKey, auth.DeleteApiKeyRequest(api_key_id=made.api_key_id))
    assert len(await stand.events(events.ApiKeyRevoked, api_key_id=made.api_key_id)) == 1
    async with refused("API_KEY_INVALID", grpc.StatusCode.UNAUTHENTICATED):
        await _exchange(member, made.secret)
    async with asyncio.timeout(10):
        while True:
            try:
                await member.call(member.users.GetMe, users.GetMeRequest(), token=token)
            except grpc.aio.AioRpcError as error:
                assert reason_of(error)[0] == "TOKEN_REVOKED"
                break
            await asyncio.sleep(0.05)


async def test_a_key_ends_at_its_time(stand: Stand, member: Person) -> None:
    ends = stand.clock.now() + timedelta(minutes=3)
    made = await _make(member, expire_time=ends)
    claims = jwt.decode(await _exchange(member, made.secret), options={"verify_signature": False})
    assert claims["exp"] == int(ends.timestamp())  # a token does not outlive its key
    stand.clock.ahead += timedelta(minutes=4)
    async with refused("API_KEY_INVALID"):
        await _exchange(member, made.secret)


async def test_a_stolen_access_token_makes_no_key(member: Person) -> None:
    async with refused("PASSWORD_WRONG", grpc.StatusCode.PERMISSION_DENIED):
        await _make(member, password="a stolen token's thief")


@pytest.mark.parametrize("scope", ["everything", "Users.read", "users.delete", "users.read bookings.write"])
async def test_scopes_are_well_formed(member: Person, scope: str) -> None:
    async with refused("INVALID_REQUEST", grpc.StatusCode.INVALID_ARGUMENT):
        await _make(member, scope)


@pytest.mark.parametrize("change", ["letter", "id", "empty", "garbage"])
async def test_other_texts_are_no_keys(member: Person, change: str) -> None:
    made = await _make(member)
    text = {
        "letter": made.secret[:-1] + ("A" if made.secret[-1] != "A" else "B"),
        "id": made.secret[:6] + "0" * 26 + made.secret[32:],
        "empty": made.secret[:33],
        "garbage": "kerya_" + "~" * 26 + "_x",
    }[change]
    async with refused("API_KEY_INVALID"):
        await _exchange(member, text)


async def test_nobody_has_more_than_twenty_keys(stand: Stand, member: Person) -> None:
    me = from_typeid("user", member.user_id)
    await stand.execute(
        "INSERT INTO api_key (api_key_id, user_id, scopes, secret_digest, created_at)"
        " SELECT gen_random_uuid(), :me, '{}', '\\x00', now() FROM generate_series(1, 20)",
        me=me,
    )
    async with refused("API_KEY_LIMIT_REACHED", grpc.StatusCode.FAILED_PRECONDITION) as refusal:
        await _make(member)
    assert refusal.metadata == {"limit": "20"}
