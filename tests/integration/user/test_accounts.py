"""Accounts, profiles, contacts, and what is not served yet."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from google.protobuf.field_mask_pb2 import FieldMask

from kerya.contract.v1 import contract_pb2
from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_events_pb2 as events
from kerya.user.v1 import user_pb2, user_service_pb2_grpc
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid, new_id, to_typeid
from services.user.jobs import EraseDeletedAccounts
from services.user.repository import Repository
from services.user.repository.erasure import Erasure
from services.user.tables import metadata
from tests.integration.user.stand import Person, Stand, refused
from tests.integration.user.working import work_on


async def test_a_profile_changes_by_mask_and_etag(stand: Stand, member: Person) -> None:
    before = await member.call(member.users.GetMe, users.GetMeRequest())
    wanted = user_pb2.User(display_name="Ly\u0301na", locale="ar", given_name="Lina", etag=before.etag)
    request = users.UpdateMeRequest(user=wanted, update_mask=FieldMask(paths=["display_name", "locale"]))
    after = await member.call(member.users.UpdateMe, request)
    assert (after.display_name, after.locale, after.given_name) == ("Lýna", "ar", "")
    assert after.etag != before.etag and after.update_time.ToDatetime() > before.update_time.ToDatetime()
    [updated] = await stand.events(events.UserUpdated, user_id=member.user_id, display_name="Lýna")
    assert updated.locale == "ar"
    async with refused("ETAG_MISMATCH", grpc.StatusCode.ABORTED):
        await member.call(member.users.UpdateMe, request)
    async with refused("ETAG_MISMATCH"):
        await member.call(member.users.UpdateMe, users.UpdateMeRequest(user={"about": "x"}), if_match=before.etag)
    # Without a mask, the fields that are set; and nothing happens where nothing changes.
    about = users.UpdateMeRequest(user=user_pb2.User(about="I like the sea."))
    changed = await member.call(member.users.UpdateMe, about)
    assert (changed.about, changed.display_name) == ("I like the sea.", "Lýna")
    assert (await member.call(member.users.UpdateMe, about)).etag == changed.etag


@pytest.mark.parametrize("path", ["email", "roles", "state", "user_id", "email_verified", "phone", "nonsense"])
async def test_what_is_not_the_owners_to_write_is_refused(member: Person, path: str) -> None:
    wanted = user_pb2.User(
        email="x@example.com", roles=[contract_pb2.ADMIN], phone="+213551234567", email_verified=True
    )
    request = users.UpdateMeRequest(user=wanted, update_mask=FieldMask(paths=[path]))
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await member.call(member.users.UpdateMe, request)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["a\u202eb", "zero\u200bwidth", "line\nbreak", "nul\x00"])
async def test_names_hold_no_tricks(member: Person, name: str) -> None:
    async with refused("INVALID_REQUEST", grpc.StatusCode.INVALID_ARGUMENT):
        await member.call(member.users.UpdateMe, users.UpdateMeRequest(user=user_pb2.User(display_name=name)))


async def test_others_see_the_profile_and_nothing_more(stand: Stand, member: Person) -> None:
    stranger = Person(stand)
    profile = await stranger.call(stranger.users.GetUser, users.GetUserRequest(user_id=member.user_id))
    assert (profile.user_id, profile.display_name, profile.email_verified) == (member.user_id, "Lina", True)
    assert {field.name for field, _ in profile.ListFields()} <= {
        "user_id", "display_name", "about", "host", "email_verified", "create_time",
    }  # fmt: skip
    missing = to_typeid("user", new_id())
    async with refused("USER_NOT_FOUND", grpc.StatusCode.NOT_FOUND) as refusal:
        await stranger.call(stranger.users.GetUser, users.GetUserRequest(user_id=missing))
    assert refusal.metadata == {"user_id": missing}
    async with refused("TOKEN_MISSING"):
        await stranger.call(stranger.users.GetMe, users.GetMeRequest())


async def test_the_mesh_gets_a_contact_and_people_do_not(stand: Stand, member: Person) -> None:
    request = users.GetContactRequest(user_id=member.user_id)
    contact = await user_service_pb2_grpc.UserServiceStub(stand.channel("notification")).GetContact(request, timeout=5)
    assert (contact.email, contact.email_verified, contact.locale) == (member.email, True, "fr")
    assert contact.time_zone == "Africa/Algiers"
    async with refused("ACCESS_DENIED", grpc.StatusCode.PERMISSION_DENIED):
        await member.call(member.users.GetContact, request)
    async with refused("ACCESS_DENIED"):
        await user_service_pb2_grpc.UserServiceStub(stand.channel("booking")).GetContact(request, timeout=5)


async def test_a_deleted_account_is_gone_at_once_and_erased_later(stand: Stand, member: Person) -> None:
    await member.login()
    key = auth.CreateApiKeyRequest(display_name="sync", scopes=["users.read"], password=member.password)
    made = await member.call(member.auth.CreateApiKey, key, "one")
    async with refused("ETAG_MISMATCH"):
        await member.call(member.users.DeleteMe, users.DeleteMeRequest(etag='"stale"'))
    await member.call(member.users.DeleteMe, users.DeleteMeRequest())
    [deleted] = await stand.events(events.UserDeleted, user_id=member.user_id)
    assert deleted.purge_time.ToDatetime() > stand.clock.now().replace(tzinfo=None) + timedelta(days=29)
    assert await stand.events(events.ApiKeyRevoked, api_key_id=made.api_key_id)
    sessions = await stand.events(events.SessionRevoked, user_id=member.user_id)
    assert {event.cause for event in sessions} == {events.SessionRevoked.ACCOUNT_DELETED} and len(sessions) == 2
    async with refused("SIGN_IN_REFUSED"):
        await member.login()
    async with refused("REFRESH_TOKEN_INVALID"):
        await member.refresh(member.tokens.refresh_token)
    async with refused("USER_NOT_FOUND"):
        await member.call(member.users.GetUser, users.GetUserRequest(user_id=member.user_id), token="")
    # The address is free again.
    successor = Person(stand, member.email)
    await successor.register()
    assert (await successor.verify()).points_earned == 100

    me = from_typeid("user", member.user_id)
    async with work_on(stand) as work:
        await EraseDeletedAccounts(work)()
        [kept] = await stand.rows("SELECT email_sealed FROM account WHERE user_id = :me", me=me)
        assert kept.email_sealed
        stand.clock.ahead += timedelta(days=31)
        await EraseDeletedAccounts(work)()
    [row] = await stand.rows("SELECT * FROM account WHERE user_id = :me", me=me)
    assert (row.email_sealed, row.email_index, row.display_name, row.password_hash) == (b"", b"", "", "")
    for table in ("session", "verification", "api_key"):
        assert await stand.rows(f"SELECT 1 FROM {table} WHERE user_id = :me", me=me) == []


async def test_one_run_erases_all_that_is_due_in_steps(stand: Stand) -> None:
    for number in range(5):
        gone = Person(stand)
        await gone.register()
        await gone.call(gone.users.DeleteMe, users.DeleteMeRequest())
        await stand.execute("INSERT INTO guard VALUES (:subject, 1, NULL, now())", subject=bytes([number]))
    async with work_on(stand) as work:
        in_twos = replace(work, repository=replace(work.repository, erasure=Erasure(batch=2)))
        stand.clock.ahead += timedelta(days=61)
        await EraseDeletedAccounts(in_twos)()
    assert await stand.rows("SELECT 1 FROM account WHERE deleted_at IS NOT NULL AND erased_at IS NULL") == []
    assert await stand.rows("SELECT 1 FROM guard WHERE length(subject) = 1") == []


@pytest.mark.parametrize("method", ["RequestPhoneCode", "VerifyPhone", "ExportMe"])
async def test_what_is_not_served_yet_says_so(member: Person, method: str) -> None:
    stub, request = {
        "RequestPhoneCode": (member.auth, auth.RequestPhoneCodeRequest(phone="+213551234567", password="x")),
        "VerifyPhone": (member.auth, auth.VerifyPhoneRequest(code="123456")),
        "ExportMe": (member.users, users.ExportMeRequest()),
    }[method]
    async with refused("NOT_SERVED", grpc.StatusCode.UNIMPLEMENTED):
        await member.call(getattr(stub, method), request, "key")


async def test_granting_admin_from_the_command_line(stand: Stand, member: Person) -> None:
    def grant(email: str) -> subprocess.CompletedProcess[str]:
        settings = stand.settings
        environment = {
            "PYTHONPATH": ".:gen",
            "KERYA_SERVICE": "user",
            "KERYA_SECRETS_DIRECTORY": str(settings.secrets_directory),
            "KERYA_DATABASE_URL": settings.database_url.get_secret_value(),
            "KERYA_REDIS_URL": settings.redis_url.get_secret_value(),
            "KERYA_NATS_URL": settings.nats_url.get_secret_value(),
        }
        command = [sys.executable, "-m", "services.user", "grant-admin", email]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    done = await asyncio.to_thread(grant, member.email)
    assert done.returncode == 0, done.stderr
    await member.login()
    me = await member.call(member.users.GetMe, users.GetMeRequest())
    assert contract_pb2.ADMIN in me.roles
    stranger = Person(stand)
    await stranger.register()  # not verified: anybody could have registered it
    refusal = await asyncio.to_thread(grant, stranger.email)
    assert refusal.returncode == 1 and "No account" in refusal.stderr


async def test_the_migrations_make_the_tables(stand: Stand) -> None:
    async with stand.engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    own = [change for change in difference if "alembic_version" not in str(change)]
    assert own == []
    assert Repository.__dataclass_fields__.keys() >= {"accounts", "points"}
