"""Showing that an e-mail address is one's own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from services.chassis.database import WriteConnection
from services.user.domain import opaque
from services.user.domain.accounts import Account
from services.user.domain.errors import EmailAlreadyVerified, EmailTokenInvalid
from services.user.domain.events import EmailVerified, UserUpdated
from services.user.domain.points import EMAIL_VERIFIED_POINTS, Cause, Transfer
from services.user.domain.verifications import Purpose, Verification
from services.user.ports import Work
from services.user.usecases.finding import require
from services.user.usecases.guarding import ConfirmPassword
from services.user.usecases.sending import SendEmail


class RequestEmailVerification:
    """Sends the verification e-mail again."""

    def __init__(self, work: Work, send_email: SendEmail) -> None:
        self._work = work
        self._send_email = send_email

    async def __call__(self, user_id: UUID) -> None:
        """Raises EmailAlreadyVerified."""
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.get(tx, user_id), user_id)
            if account.email_verified_at is not None:
                raise EmailAlreadyVerified
            # To an address that has an owner nothing is sent, as little as at registering.
            if await self._work.repository.accounts.owner_of(tx, account.email) is None:
                await self._send_email(tx, account, Purpose.VERIFY_EMAIL, account.email)


class RequestEmailChange:
    """Sends an e-mail to the address that is to become the account's."""

    def __init__(self, work: Work, confirm_password: ConfirmPassword, send_email: SendEmail) -> None:
        self._work = work
        self._confirm_password = confirm_password
        self._send_email = send_email

    async def __call__(self, user_id: UUID, new_email: str, password: str) -> None:
        """Raises PasswordWrong, SignInThrottled, SignInBusy."""
        account = await self._confirm_password(user_id, password)
        async with self._work.database.write() as tx:
            owner = await self._work.repository.accounts.owner_of(tx, new_email)
            if owner is None or owner.user_id == user_id:
                await self._send_email(tx, account, Purpose.CHANGE_EMAIL, new_email)
            else:
                await self._send_email(tx, owner, Purpose.ACCOUNT_EXISTS, owner.email)


class VerifyEmail:
    """Makes an address the account's own, by the token that was sent to it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, token: str) -> tuple[UUID, int]:
        """Whose address it is, and the points earned. Raises EmailTokenInvalid."""
        now = self._work.clock.now()
        async with self._work.database.write() as tx:
            verification = await self._work.repository.verifications.lock_by_token(tx, opaque.digest(token))
            if verification is None:
                raise EmailTokenInvalid
            verification.require_usable(now, Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL)
            account = await self._claim(tx, verification)
            account.verify(verification.email, now)
            await self._work.repository.accounts.save(tx, account)
            # Whatever was sent to another address before must not open anything any more.
            await self._work.repository.verifications.close(tx, account.user_id, now)
            await self._work.outbox.add(tx, EmailVerified(account.user_id, account.version), UserUpdated.of(account))
            return account.user_id, await self._reward(tx, account.user_id, now)

    async def _claim(self, tx: WriteConnection, verification: Verification) -> Account:
        accounts = self._work.repository.accounts
        await accounts.claim_email(tx, verification.email)
        account = await accounts.lock(tx, verification.user_id)
        owner = await accounts.owner_of(tx, verification.email)
        if account is None or (owner is not None and owner.user_id != account.user_id):
            raise EmailTokenInvalid
        return account

    async def _reward(self, tx: WriteConnection, user_id: UUID, now: datetime) -> int:
        transfer = Transfer(user_id, EMAIL_VERIFIED_POINTS, Cause.EMAIL_VERIFIED, source_id=user_id)
        return EMAIL_VERIFIED_POINTS if await self._work.repository.points.post(tx, transfer, now) else 0
