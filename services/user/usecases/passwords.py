"""Choosing another password."""

from __future__ import annotations

from uuid import UUID

from services.chassis.database import WriteConnection
from services.user.domain import opaque, passwords
from services.user.domain.accounts import Account
from services.user.domain.errors import EmailTokenInvalid
from services.user.domain.sessions import EndCause
from services.user.domain.throttle import owner_subject, sign_in_subject
from services.user.domain.verifications import Purpose
from services.user.ports import Hasher, Work
from services.user.usecases.guarding import ConfirmPassword, require_still
from services.user.usecases.sending import SendEmail
from services.user.usecases.sessions import EndSessions


class ChangePassword:
    """Changes the password of somebody who knows the old one; their other devices have to sign in again."""

    def __init__(
        self, work: Work, hasher: Hasher, confirm_password: ConfirmPassword, end_sessions: EndSessions
    ) -> None:
        self._work = work
        self._hasher = hasher
        self._confirm_password = confirm_password
        self._end_sessions = end_sessions

    async def __call__(self, user_id: UUID, session_id: UUID | None, current: str, new: str) -> None:
        """Raises PasswordWrong, PasswordRefused, SignInThrottled, SignInBusy."""
        account = await self._confirm_password(user_id, current)
        passwords.check(new, second_factor=account.totp_enabled, personal=account.personal_words())
        hashed = await self._hasher.hash(new)
        async with self._work.database.write() as tx:
            account = require_still(await self._work.repository.accounts.lock(tx, user_id), account)
            account.set_password(hashed, self._work.clock.now())
            await self._work.repository.accounts.save(tx, account)
            await self._end_sessions(tx, user_id, EndCause.PASSWORD_CHANGED, keep=session_id)


class RequestPasswordReset:
    """Sends an e-mail to choose a new password, to the address of an account that is known to be its owner's."""

    def __init__(self, work: Work, send_email: SendEmail) -> None:
        self._work = work
        self._send_email = send_email

    async def __call__(self, email: str) -> None:
        async with self._work.database.write() as tx:
            owner = await self._work.repository.accounts.owner_of(tx, email)
            if owner is not None and owner.is_active:
                await self._send_email(tx, owner, Purpose.RESET_PASSWORD, owner.email)


class ResetPassword:
    """Sets a new password by the token that was sent. Whoever reads the mailbox may do so; a second factor is still
    asked for afterwards."""

    def __init__(self, work: Work, hasher: Hasher, end_sessions: EndSessions) -> None:
        self._work = work
        self._hasher = hasher
        self._end_sessions = end_sessions

    async def __call__(self, token: str, new: str) -> None:
        """Raises EmailTokenInvalid, PasswordRefused, SignInBusy."""
        async with self._work.database.write() as tx:
            account = await self._holder(tx, token)
        passwords.check(new, second_factor=account.totp_enabled, personal=account.personal_words())
        # Between two transactions: hashing would hold the row, and a connection, for too long.
        hashed = await self._hasher.hash(new)
        async with self._work.database.write() as tx:
            account = await self._holder(tx, token)
            now = self._work.clock.now()
            account.set_password(hashed, now)
            await self._work.repository.accounts.save(tx, account)
            await self._work.repository.verifications.close(tx, account.user_id, now)
            subjects = sign_in_subject(account.canonical_email), owner_subject(account.user_id)
            await self._work.repository.guards.clear(tx, *subjects)
            await self._end_sessions(tx, account.user_id, EndCause.PASSWORD_CHANGED)

    async def _holder(self, tx: WriteConnection, token: str) -> Account:
        """The account that the token is for, held until the transaction ends."""
        verification = await self._work.repository.verifications.lock_by_token(tx, opaque.digest(token))
        if verification is None:
            raise EmailTokenInvalid
        verification.require_usable(self._work.clock.now(), Purpose.RESET_PASSWORD)
        account = await self._work.repository.accounts.lock(tx, verification.user_id)
        if account is None or not account.is_active:
            raise EmailTokenInvalid
        return account
