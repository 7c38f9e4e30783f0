"""Verifying a password takes a while. What changes about the account meanwhile is not outrun by who asked before."""

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid
from services.user.domain import totp
from services.user.domain.errors import PasswordWrong, SecondFactorRequired, SignInRefused, UserError
from services.user.usecases.login import Credentials
from services.user.usecases.second_factor import Proof
from services.user.usecases.sessions import Device
from tests.integration.user.stand import PASSWORD, Person, Stand, refused
from tests.integration.user.working import asking

NOBODY_LISTENS = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"


async def reset(member: Person) -> None:
    """The owner chooses a new password, because somebody knows the old one."""
    asked = auth.RequestPasswordResetRequest(email=member.email)
    await member.call(member.auth.RequestPasswordReset, asked, token="")
    issued = await member.stand.issue_token(member.user_id, "RESET_PASSWORD")
    chosen = auth.ResetPasswordRequest(token=issued.token, new_password="another quiet valley")
    await member.call(member.auth.ResetPassword, chosen, token="")
    member.password = chosen.new_password


async def delete(member: Person) -> None:
    await member.call(member.users.DeleteMe, users.DeleteMeRequest())


async def set_up_app(member: Person) -> None:
    enrolled = await member.call(member.auth.EnrollTotp, auth.EnrollTotpRequest(password=member.password))
    code = totp.code_at(base64.b32decode(enrolled.secret), totp.step_at(member.stand.clock.now()))
    await member.call(member.auth.ConfirmTotp, auth.ConfirmTotpRequest(totp_code=code))
    member.stand.clock.ahead += timedelta(seconds=totp.STEP_SECONDS)


async def nothing() -> None:
    """Happens."""


@pytest.mark.parametrize(
    ("change", "refusal"), [(reset, SignInRefused), (delete, SignInRefused), (set_up_app, SecondFactorRequired)]
)
async def test_a_sign_in_does_not_outrun_a_change(
    stand: Stand, member: Person, change: Callable[[Person], Awaitable[None]], refusal: type[UserError]
) -> None:
    await member.login()
    async with asking(stand, lambda: change(member)) as (login, _):
        with pytest.raises(refusal):
            await login(Credentials(member.email, PASSWORD, Proof()), Device("thief", "10.9.9.9"))
    opened = await stand.rows(
        "SELECT 1 FROM session WHERE user_id = :me AND device_name = 'thief'", me=from_typeid("user", member.user_id)
    )
    assert opened == []


async def test_a_change_of_password_does_not_undo_a_reset(stand: Stand, member: Person) -> None:
    async with asking(stand, lambda: reset(member)) as (_, change_password):
        with pytest.raises(PasswordWrong):
            await change_password(from_typeid("user", member.user_id), None, PASSWORD, "the thief's own valley")
    async with refused("SIGN_IN_REFUSED"):
        await member.login(password="the thief's own valley")
    await member.login()


async def test_passwords_are_verified_against_the_primary(stand: Stand, member: Person) -> None:
    async with asking(stand, nothing, read_url=NOBODY_LISTENS) as (login, change_password):
        signed_in = await login(Credentials(member.email, PASSWORD, Proof()), Device("phone", "10.9.9.9"))
        assert str(signed_in.session.user_id) == str(from_typeid("user", member.user_id))
        await change_password(signed_in.session.user_id, None, PASSWORD, "another quiet valley")
    await member.login(password="another quiet valley")
