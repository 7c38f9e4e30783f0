"""Asking for an e-mail to be sent, and making its token when it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.chassis.database import WriteConnection
from services.chassis.ids import new_id, to_typeid
from services.user.domain import opaque
from services.user.domain.accounts import Account
from services.user.domain.errors import VerificationNotFound
from services.user.domain.events import EmailVerificationRequested
from services.user.domain.verifications import MOST_A_DAY, Purpose, Verification
from services.user.ports import Work


class SendEmail:
    """Asks for an e-mail in the transaction of whoever has a reason to; beyond 5 a day to one address, silently not."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, tx: WriteConnection, account: Account, purpose: Purpose, email: str) -> None:
        verifications, now = self._work.repository.verifications, self._work.clock.now()
        if await verifications.count_since(tx, email, now - timedelta(days=1)) >= MOST_A_DAY:
            return
        asked = Verification.request(new_id(), account.user_id, purpose, email, now)
        await verifications.add(tx, asked)
        event = EmailVerificationRequested(account.user_id, asked.verification_id, purpose, account.locale)
        await self._work.outbox.add(tx, event)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What goes into an e-mail; `token` is empty where the e-mail only tells."""

    verification: Verification
    token: str


class IssueEmailToken:
    """Makes the token of an e-mail that is being sent. It is known nowhere before, and only to its reader after."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, verification_id: UUID) -> IssuedToken:
        """Raises VerificationNotFound."""
        verifications, now = self._work.repository.verifications, self._work.clock.now()
        async with self._work.database.write() as tx:
            verification = await verifications.lock(tx, verification_id)
            if verification is None or not verification.is_open(now):
                raise VerificationNotFound(verification_id=to_typeid("verification", verification_id))
            if not verification.purpose.has_token:
                return IssuedToken(verification, "")
            token = opaque.new_secret()
            await verifications.add_token(tx, verification_id, opaque.digest(token), now)
            return IssuedToken(verification, token)
