"""Authenticator apps: setting one up, asking for its codes, and doing without it again."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.database import WriteConnection
from services.user.domain import opaque, totp
from services.user.domain.accounts import Account
from services.user.domain.errors import SecondFactorRefused, SecondFactorRequired
from services.user.domain.throttle import second_factor_subject
from services.user.ports import Work
from services.user.usecases.finding import require
from services.user.usecases.guarding import ConfirmPassword, Guarding


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody shows beside the password: a code of the app, or a recovery code, or neither."""

    totp_code: str = ""
    recovery_code: str = ""


class CheckSecondFactor:
    """Accepts a code once, in the transaction of whoever asks for it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, tx: WriteConnection, account: Account, proof: Proof) -> None:
        """Raises SecondFactorRequired, SecondFactorRefused."""
        if not account.totp_enabled:
            return
        if proof.totp_code:
            await self._check_code(tx, account, proof.totp_code)
        elif proof.recovery_code:
            await self._check_recovery_code(tx, account, proof.recovery_code)
        else:
            raise SecondFactorRequired

    async def _check_code(self, tx: WriteConnection, account: Account, code: str) -> None:
        factor = account.require_second_factor()
        step = totp.accepted_step(factor.secret, code, self._work.clock.now(), factor.last_step)
        # Compare and set: of two calls with one code at one time, one is refused.
        if not await self._work.repository.accounts.accept_step(tx, account.user_id, step):
            raise SecondFactorRefused

    async def _check_recovery_code(self, tx: WriteConnection, account: Account, code: str) -> None:
        digest = opaque.digest(totp.read_recovery_code(code))
        if not await self._work.repository.accounts.use_recovery_code(tx, account.user_id, digest):
            raise SecondFactorRefused


class EnrollTotp:
    """Begins to set up an app."""

    def __init__(self, work: Work, confirm_password: ConfirmPassword) -> None:
        self._work = work
        self._confirm_password = confirm_password

    async def __call__(self, user_id: UUID, password: str) -> tuple[Account, bytes]:
        """The account and the app's secret. Raises PasswordWrong, TotpAlreadyEnabled, SignInThrottled, SignInBusy."""
        await self._confirm_password(user_id, password)
        secret = totp.new_secret()
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.lock(tx, user_id), user_id)
            account.enroll(secret, self._work.clock.now())
            await self._work.repository.accounts.save(tx, account)
        return account, secret


class ConfirmTotp:
    """Finishes setting up with a first code."""

    def __init__(self, work: Work, guarding: Guarding) -> None:
        self._work = work
        self._guarding = guarding

    async def __call__(self, user_id: UUID, code: str) -> list[str]:
        """The recovery codes. Raises TotpNotEnrolled, TotpAlreadyEnabled, SecondFactorRefused, SignInThrottled."""
        await self._guarding.attempt(second_factor_subject(user_id))
        codes, now = totp.new_recovery_codes(), self._work.clock.now()
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.lock(tx, user_id), user_id)
            secret = account.require_enrolling().secret
            account.confirm(totp.accepted_step(secret, code, now, last_step=0), now)
            await self._work.repository.accounts.save(tx, account)
            await self._work.repository.accounts.set_recovery_codes(tx, user_id, map(opaque.digest, codes))
            await self._work.repository.guards.clear(tx, second_factor_subject(user_id))
        return codes


class DisableTotp:
    """Does without the app from now on."""

    def __init__(
        self, work: Work, guarding: Guarding, confirm_password: ConfirmPassword, check_second_factor: CheckSecondFactor
    ) -> None:
        self._work = work
        self._guarding = guarding
        self._confirm_password = confirm_password
        self._check_second_factor = check_second_factor

    async def __call__(self, user_id: UUID, password: str, code: str) -> None:
        """Raises PasswordWrong, TotpNotEnrolled, SecondFactorRefused, SignInThrottled, SignInBusy."""
        await self._confirm_password(user_id, password)
        await self._guarding.attempt(second_factor_subject(user_id))
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.lock(tx, user_id), user_id)
            account.require_second_factor()
            await self._check_second_factor(tx, account, Proof(totp_code=code))
            account.disable_second_factor(self._work.clock.now())
            await self._work.repository.accounts.save(tx, account)
            await self._work.repository.accounts.set_recovery_codes(tx, user_id, ())
            await self._work.repository.guards.clear(tx, second_factor_subject(user_id))
