"""Signing in, and what it is guarded by (reliability A5, A6, A8, A9)."""

import asyncio
import base64
import math
import statistics
import time
from datetime import timedelta

import bcrypt
import grpc
import pytest
from google.rpc import error_details_pb2

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_events_pb2 as events
from kerya.user.v1 import user_pb2
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid
from services.user.domain import totp
from tests.integration.user.stand import Person, Stand, details_of, reason_of, refused


async def test_a_member_signs_in_and_is_known(member: Person) -> None:
    tokens = await member.login(device_name="Firefox on Linux")
    assert (tokens.token_type, tokens.user_id) == ("Bearer", member.user_id)
    assert (await member.call(member.users.GetMe, users.GetMeRequest())).email_verified
    await member.login(email=member.email.upper())


async def test_a5_an_unknown_address_is_answered_like_a_wrong_password(stand: Stand, member: Person) -> None:
    answers: dict[bool, list[tuple[object, ...]]] = {True: [], False: []}
    # The service runs in this process: CPU time shows what it does, and not what else the machine is busy with.
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for round_number in range(20):
        for known in (True, False):
            # Each try meets a guard of its own, as a first try does.
            await stand.execute("DELETE FROM guard")
            somebody = Person(stand, member.email if known else f"nobody{round_number}@example.com")
            start = time.process_time()
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await somebody.login(password="not the right password")
            seconds[known].append(time.process_time() - start)
            answers[known].append((refusal.value.code(), refusal.value.details(), *reason_of(refusal.value)))
    assert len({str(answer) for found in answers.values() for answer in found}) == 1
    assert abs(statistics.median(seconds[True]) - statistics.median(seconds[False])) < 0.005


async def test_a6_guessing_at_one_account_is_slowed_down_from_everywhere(stand: Stand, member: Person) -> None:
    home = Person(stand, member.email)
    await home.login()
    began = time.monotonic()
    tried = await asyncio.gather(
        *(Person(stand, member.email).login(password=f"guess number {n}") for n in range(40)), return_exceptions=True
    )
    reasons = [reason_of(error)[0] for error in tried if isinstance(error, grpc.aio.AioRpcError)]
    assert len(reasons) == 40
    # Five at once, and one more after 1, 2, 4, … seconds, where the machine takes that long.
    assert reasons.count("SIGN_IN_REFUSED") <= 5 + math.log2(1 + time.monotonic() - began)
    assert set(reasons) <= {"SIGN_IN_REFUSED", "SIGN_IN_THROTTLED", "DEPENDENCY_UNAVAILABLE"}
    async with refused("SIGN_IN_THROTTLED", grpc.StatusCode.RESOURCE_EXHAUSTED) as refusal:
        for _ in range(6):
            try:
                await Person(stand, member.email).login(password="one more guess")
            except grpc.aio.AioRpcError as error:
                if reason_of(error)[0] != "SIGN_IN_REFUSED":
                    raise
    assert 1 <= int(refusal.metadata["retry_after_seconds"]) <= 900
    [retry] = details_of(refusal.error, error_details_pb2.RetryInfo)
    assert 0 < retry.retry_delay.ToSeconds() <= 900 or retry.retry_delay.nanos
    # The owner's own device is counted apart.
    await home.login()


async def test_a6_an_address_nobody_has_is_slowed_down_alike(stand: Stand) -> None:
    reasons = []
    for _ in range(7):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await Person(stand, "ghost@example.com").login()
        reasons.append(reason_of(refusal.value)[0])
    assert reasons[:5] == ["SIGN_IN_REFUSED"] * 5 and "SIGN_IN_THROTTLED" in reasons[5:]


async def test_a_password_of_the_older_house_signs_in_and_is_hashed_anew(stand: Stand, member: Person) -> None:
    old = bcrypt.hashpw(b"an older house's password", bcrypt.gensalt(4)).decode()
    me = from_typeid("user", member.user_id)
    await stand.execute("UPDATE account SET password_hash = :hash WHERE user_id = :me", hash=old, me=me)
    async with refused("SIGN_IN_REFUSED"):
        await member.login(password="not it")
    await member.login(password="an older house's password")
    [row] = await stand.rows("SELECT password_hash FROM account WHERE user_id = :me", me=me)
    assert row.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await member.login(password="an older house's password")


async def test_a8_a_second_factor_is_asked_for_and_each_code_works_once(stand: Stand, member: Person) -> None:
    await member.login()
    secret, codes = await _set_up_app(stand, member)
    assert len(set(codes)) == 10
    async with refused("SECOND_FACTOR_REQUIRED", grpc.StatusCode.UNAUTHENTICATED):
        await member.login()
    code = _code(stand, secret)
    await member.login(totp_code=code)
    async with refused("SECOND_FACTOR_REFUSED", grpc.StatusCode.UNAUTHENTICATED):
        await member.login(totp_code=code)
    stand.clock.ahead += timedelta(minutes=10)
    for steps in (-2, 2):
        async with refused("SECOND_FACTOR_REFUSED"):
            await member.login(totp_code=_code(stand, secret, steps=steps))
    await member.login(recovery_code=codes[3].upper().replace("-", " "))
    async with refused("SECOND_FACTOR_REFUSED"):
        await member.login(recovery_code=codes[3])


async def test_a8_one_code_at_the_same_time_signs_in_once(stand: Stand, member: Person) -> None:
    await member.login()
    secret, _ = await _set_up_app(stand, member)
    code = _code(stand, secret)
    answers = await asyncio.gather(
        *(Person(stand, member.email, member.address).login(totp_code=code) for _ in range(4)), return_exceptions=True
    )
    assert sum(isinstance(answer, user_pb2.TokenPair) for answer in answers) == 1


async def test_a8_guessing_codes_is_slowed_down(stand: Stand, member: Person) -> None:
    await member.login()
    await _set_up_app(stand, member)
    reasons = []
    for number in range(10):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await member.login(totp_code=f"{number:06}")
        reasons.append(reason_of(refusal.value)[0])
    assert reasons[:5] == ["SECOND_FACTOR_REFUSED"] * 5 and reasons[-1] == "SIGN_IN_THROTTLED"


async def test_a_second_factor_goes_only_with_password_and_code(stand: Stand, member: Person) -> None:
    await member.login()
    async with refused("TOTP_NOT_ENROLLED"):
        await member.call(member.auth.ConfirmTotp, auth.ConfirmTotpRequest(totp_code="123456"))
    async with refused("PASSWORD_WRONG", grpc.StatusCode.PERMISSION_DENIED):
        await member.call(member.auth.EnrollTotp, auth.EnrollTotpRequest(password="stolen token, no password"))
    secret, _ = await _set_up_app(stand, member)
    async with refused("TOTP_ALREADY_ENABLED", grpc.StatusCode.FAILED_PRECONDITION):
        await member.call(member.auth.EnrollTotp, auth.EnrollTotpRequest(password=member.password))
    right = auth.DisableTotpRequest(password=member.password, totp_code=_code(stand, secret))
    async with refused("PASSWORD_WRONG"):
        wrong = auth.DisableTotpRequest(password="not it at all", totp_code=right.totp_code)
        await member.call(member.auth.DisableTotp, wrong)
    await member.call(member.auth.DisableTotp, right)
    await member.login()


async def test_a8_guessing_codes_with_the_right_password_is_slowed_down(stand: Stand, member: Person) -> None:
    await member.login()
    secret, _ = await _set_up_app(stand, member)
    reasons = []
    for number in range(8):
        guess = auth.DisableTotpRequest(password=member.password, totp_code=f"{number:06}")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await member.call(member.auth.DisableTotp, guess)
        reasons.append(reason_of(refusal.value)[0])
    assert reasons[:5] == ["SECOND_FACTOR_REFUSED"] * 5 and "SIGN_IN_THROTTLED" in reasons[5:]
    stand.clock.ahead += timedelta(minutes=1)
    right = auth.DisableTotpRequest(password=member.password, totp_code=_code(stand, secret))
    await member.call(member.auth.DisableTotp, right)


async def test_a9_a_reset_token_works_once_and_a_second_factor_stays(stand: Stand, member: Person) -> None:
    await member.login()
    before = member.tokens
    secret, _ = await _set_up_app(stand, member)
    await _ask_to_reset(member)
    issued = await stand.issue_token(member.user_id, "RESET_PASSWORD")
    async with refused("EMAIL_TOKEN_INVALID"):
        await member.call(member.auth.VerifyEmail, auth.VerifyEmailRequest(token=issued.token), token="")
    async with refused("PASSWORD_REFUSED"):
        await _reset(member, issued.token, "password12")
    member.password = "eight or"  # short, and enough beside a second factor
    await _reset(member, issued.token, member.password)
    async with refused("EMAIL_TOKEN_INVALID", grpc.StatusCode.INVALID_ARGUMENT):
        await _reset(member, issued.token, "another password altogether")
    async with refused("REFRESH_TOKEN_INVALID"):
        await member.refresh(before.refresh_token)
    revoked = await stand.events(events.SessionRevoked, user_id=member.user_id, session_id=before.session_id)
    assert [event.cause for event in revoked] == [events.SessionRevoked.PASSWORD_CHANGED]
    async with refused("SECOND_FACTOR_REQUIRED"):
        await member.login()
    await member.login(totp_code=_code(stand, secret))


async def test_a9_a_reset_token_dies_with_its_time_and_with_the_address(stand: Stand, member: Person) -> None:
    await _ask_to_reset(member)
    issued = await stand.issue_token(member.user_id, "RESET_PASSWORD")
    change = auth.RequestEmailChangeRequest(new_email=f"new-{member.email}", password=member.password)
    await member.call(member.auth.RequestEmailChange, change)
    await member.verify("CHANGE_EMAIL")
    assert (await member.call(member.users.GetMe, users.GetMeRequest())).email == change.new_email
    async with refused("EMAIL_TOKEN_INVALID"):
        await _reset(member, issued.token, "another password altogether")
    member.email = change.new_email
    await _ask_to_reset(member)
    issued = await stand.issue_token(member.user_id, "RESET_PASSWORD")
    stand.clock.ahead += timedelta(minutes=31)
    async with refused("EMAIL_TOKEN_INVALID"):
        await _reset(member, issued.token, "another password altogether")


async def test_asking_to_reset_tells_nothing(stand: Stand, person: Person) -> None:
    await _ask_to_reset(person)
    await person.register()
    await _ask_to_reset(person)
    assert (
        len(await stand.events(events.EmailVerificationRequested, user_id=person.user_id)) == 1
    )  # to verify, no other


async def test_changing_the_password_signs_out_the_other_devices(stand: Stand, member: Person) -> None:
    elsewhere = Person(stand, member.email)
    await elsewhere.login()
    await member.login()
    request = auth.ChangePasswordRequest(current_password=member.password, new_password="another quiet valley")
    await member.call(member.auth.ChangePassword, request)
    async with refused("REFRESH_TOKEN_INVALID"):
        await elsewhere.refresh(elsewhere.tokens.refresh_token)
    await member.refresh(member.tokens.refresh_token)
    # Its access token is no longer good either, within a minute and usually at once (A3).
    async with asyncio.timeout(10):
        while True:
            try:
                await elsewhere.call(elsewhere.users.GetMe, users.GetMeRequest())
            except grpc.aio.AioRpcError as error:
                assert reason_of(error)[0] == "TOKEN_REVOKED"
                break
            await asyncio.sleep(0.05)


async def _set_up_app(stand: Stand, member: Person) -> tuple[bytes, list[str]]:
    enrolled = await member.call(member.auth.EnrollTotp, auth.EnrollTotpRequest(password=member.password))
    assert enrolled.otpauth_uri.startswith("otpauth://totp/Kerya")
    secret = base64.b32decode(enrolled.secret)
    confirm = auth.ConfirmTotpRequest(totp_code=_code(stand, secret))
    answer = await member.call(member.auth.ConfirmTotp, confirm)
    # The next step, so that the following codes are new ones.
    stand.clock.ahead += timedelta(seconds=totp.STEP_SECONDS)
    return secret, list(answer.recovery_codes)


def _code(stand: Stand, secret: bytes, steps: int = 0) -> str:
    return totp.code_at(secret, totp.step_at(stand.clock.now()) + steps)


async def _ask_to_reset(person: Person) -> None:
    await person.call(person.auth.RequestPasswordReset, auth.RequestPasswordResetRequest(email=person.email), token="")


async def _reset(person: Person, token: str, password: str) -> None:
    request = auth.ResetPasswordRequest(token=token, new_password=password)
    await person.call(person.auth.ResetPassword, request, token="")
