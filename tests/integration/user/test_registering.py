"""Registering and verifying an address (reliability A7, A11)."""

import asyncio

import grpc
import pytest

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_events_pb2 as events
from kerya.user.v1 import user_pb2
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid, intention, new_id, to_typeid
from services.user.domain.accounts import Role
from services.user.usecases.register import Registration
from services.user.usecases.sessions import Device
from tests.integration.user.stand import PASSWORD, Person, Stand, reason_of, refused
from tests.integration.user.working import registering


async def test_a_newcomer_is_signed_in_and_asked_to_verify(stand: Stand, person: Person) -> None:
    answer = await person.register(roles=["HOST"], given_name="Lina", time_zone="Africa/Algiers")
    assert (answer.user.email, answer.user.email_verified, answer.user.locale) == (person.email, False, "fr")
    assert [user_pb2.User.State.Name(answer.user.state), list(answer.user.roles)] == ["ACTIVE", [1, 2]]
    me = await person.call(person.users.GetMe, users.GetMeRequest())
    assert me == answer.user
    [registered] = await stand.events(events.UserRegistered, user_id=person.user_id)
    assert list(registered.roles) == [1, 2] and registered.version == 1
    [requested] = await stand.events(events.EmailVerificationRequested, user_id=person.user_id)
    assert requested.purpose == user_pb2.VERIFY_EMAIL and requested.locale == "fr"


async def test_the_same_key_registers_once(stand: Stand, person: Person) -> None:
    first = await person.register(key="once")
    again = await person.register(key="once")
    assert again.SerializeToString() == first.SerializeToString()
    me = from_typeid("user", person.user_id)
    same = "SELECT user_id FROM account WHERE email_index = (SELECT email_index FROM account WHERE user_id = :me)"
    assert [row.user_id for row in await stand.rows(same, me=me)] == [me]


async def test_twenty_parallel_tries_with_one_key_register_once(stand: Stand) -> None:
    one = Person(stand)
    answers = await asyncio.gather(
        *(Person(stand, one.email, one.address).register(key="twenty") for _ in range(20)), return_exceptions=True
    )
    made = {answer.user.user_id for answer in answers if isinstance(answer, auth.RegisterResponse)}
    assert len(made) == 1
    others = [reason_of(answer)[0] for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert set(others) <= {"IDEMPOTENCY_IN_PROGRESS"}
    assert len(await stand.events(events.UserRegistered, user_id=made.pop())) == 1


async def test_a_retry_after_a_lost_answer_meets_its_own_account(stand: Stand) -> None:
    wanted = Registration(
        "lost@example.com",
        PASSWORD,
        {"display_name": "Lina", "locale": "fr", "time_zone": "Africa/Algiers"},
        frozenset({Role.HOST}),
        Device("", "10.0.0.1"),
    )
    async with registering(stand) as register:
        with intention(new_id()):
            account, first = await register(wanted)
            again, second = await register(wanted)
    assert again == account and first.session.session_id != second.session.session_id
    me = to_typeid("user", account.user_id)
    assert len(await stand.events(events.UserRegistered, user_id=me)) == 1
    assert len(await stand.events(events.EmailVerificationRequested, user_id=me)) == 1


async def test_a_key_is_needed(person: Person) -> None:
    request = auth.RegisterRequest(email=person.email, password=person.password, display_name="Lina")
    async with refused("IDEMPOTENCY_KEY_REQUIRED", grpc.StatusCode.INVALID_ARGUMENT):
        await person.call(person.auth.Register, request)


@pytest.mark.parametrize("written", ["{local}+1@example.com", "{upper}@EXAMPLE.com", "{local}@Example.COM"])
async def test_a11_an_address_in_use_answers_alike_and_its_owner_is_told(
    stand: Stand, member: Person, written: str
) -> None:
    local = member.email.partition("@")[0]
    other = Person(stand, written.format(local=local, upper=local.upper()))
    other.password = "another quiet valley"
    answer = await other.register()
    # The same answer as for a free address: a working account that is not verified.
    assert answer.user.email == other.email and not answer.user.email_verified and answer.tokens.refresh_token
    assert (await other.call(other.users.GetMe, users.GetMeRequest())).user_id == other.user_id != member.user_id
    assert await stand.events(events.EmailVerificationRequested, user_id=other.user_id) == []
    told = await stand.issue_token(member.user_id, "ACCOUNT_EXISTS")
    assert (told.email, told.token) == (member.email, "")
    # Nor does signing in tell: it is refused as it is for every address that is not verified.
    async with refused("SIGN_IN_REFUSED"):
        await other.login()
    fresh = Person(stand)
    await fresh.register()
    async with refused("SIGN_IN_REFUSED"):
        await fresh.login()


async def test_a11_letters_that_only_look_alike_are_refused(person: Person) -> None:
    async with refused("INVALID_REQUEST", grpc.StatusCode.INVALID_ARGUMENT):
        await person.register(email="аdmin@example.com")  # a Cyrillic а


async def test_of_two_who_registered_one_address_the_first_to_verify_owns_it(stand: Stand) -> None:
    early = Person(stand)
    late = Person(stand, early.email)
    await early.register()
    await late.register()
    assert (await late.verify()).points_earned == 100
    async with refused("EMAIL_TOKEN_INVALID", grpc.StatusCode.INVALID_ARGUMENT):
        await early.verify()
    await late.login()


async def test_verifying_earns_points_once_and_a_token_works_once(stand: Stand, person: Person) -> None:
    await person.register()
    issued = await stand.issue_token(person.user_id, "VERIFY_EMAIL")
    again = await stand.issue_token(person.user_id, "VERIFY_EMAIL")
    assert issued.email == person.email and issued.token != again.token
    # The sender's retry left two tokens; either works, once.
    answer = await person.call(person.auth.VerifyEmail, auth.VerifyEmailRequest(token=issued.token), token="")
    assert (answer.user_id, answer.points_earned) == (person.user_id, 100)
    for token in (issued.token, again.token):
        async with refused("EMAIL_TOKEN_INVALID"):
            await person.call(person.auth.VerifyEmail, auth.VerifyEmailRequest(token=token), token="")
    async with refused("VERIFICATION_NOT_FOUND", grpc.StatusCode.NOT_FOUND):
        await stand.issue_token(person.user_id, "VERIFY_EMAIL")
    async with refused("EMAIL_ALREADY_VERIFIED", grpc.StatusCode.FAILED_PRECONDITION):
        await person.call(person.auth.RequestEmailVerification, auth.RequestEmailVerificationRequest())


async def test_nobodys_mailbox_is_flooded(stand: Stand, person: Person) -> None:
    await person.register()
    for _ in range(5):
        await person.call(person.auth.RequestEmailVerification, auth.RequestEmailVerificationRequest())
    assert len(await stand.events(events.EmailVerificationRequested, user_id=person.user_id)) == 5


async def test_the_mesh_alone_gets_tokens_of_emails(stand: Stand, person: Person) -> None:
    await person.register()
    [requested] = await stand.events(events.EmailVerificationRequested, user_id=person.user_id)
    request = auth.IssueEmailTokenRequest(verification_id=requested.verification_id)
    async with refused("ACCESS_DENIED", grpc.StatusCode.PERMISSION_DENIED):
        await person.call(person.auth.IssueEmailToken, request)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("fourteen chars", "TOO_SHORT"),
        ("password1234567", "COMMON"),
        ("111111111111111111", "COMMON"),
        ("kerya of the hill", "CONTEXT"),
        ("the lovely Lina lives here", "CONTEXT"),
    ],
)
async def test_a7_easy_passwords_are_refused(person: Person, password: str, rule: str) -> None:
    person.password = password
    async with refused("PASSWORD_REFUSED", grpc.StatusCode.INVALID_ARGUMENT) as refusal:
        await person.register(display_name="Lovely Lina")
    assert refusal.metadata == {"rule": rule, "minimum": "15"}


@pytest.mark.parametrize("password", ["1234567", "x" * 1_000_000])
async def test_a7_passwords_out_of_bounds_are_refused(person: Person, password: str) -> None:
    person.password = password
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await person.register()
    assert refusal.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)


async def test_a7_every_letter_of_a_long_password_counts(stand: Stand, person: Person) -> None:
    person.password = "🏔🌊🌾🏜🌅🏕🦊🐪" * 8
    await person.register()
    await person.verify()
    await person.login()
    async with refused("SIGN_IN_REFUSED"):
        await person.login(password="🏔🌊🌾🏜🌅🏕🦊🐪" * 2 + "🏔🌊")  # its first 72 bytes


async def test_nobody_registers_as_admin(person: Person) -> None:
    async with refused("INVALID_REQUEST"):
        await person.register(roles=["ADMIN"])


async def test_time_zones_are_known_ones(person: Person) -> None:
    async with refused("TIME_ZONE_UNKNOWN") as refusal:
        await person.register(time_zone="Africa/Atlantis")
    assert refusal.metadata == {"time_zone": "Africa/Atlantis"}


async def test_personal_data_is_encrypted_in_the_database(stand: Stand, person: Person) -> None:
    await person.register()
    async with stand.engine.connect() as connection:
        sessions = (await connection.exec_driver_sql("SELECT s::text AS line FROM session AS s")).scalars().all()
        assert sessions and not any(person.address in line for line in sessions)
        for table in ("account", "session", "verification", "refresh_token", "outbox", "idempotency", "guard"):
            rows = (await connection.exec_driver_sql(f"SELECT t::text AS line FROM {table} AS t")).scalars().all()
            dump = "\n".join(rows)
            for secret in (person.email, person.password, person.tokens.refresh_token):
                assert secret not in dump
                assert secret.encode().hex() not in dump
