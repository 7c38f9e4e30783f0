"""Asking for a secret, with guessing slowed down."""

from __future__ import annotations

from uuid import UUID

from services.user.domain.accounts import Account
from services.user.domain.errors import PasswordWrong
from services.user.domain.throttle import owner_subject
from services.user.ports import Hasher, Work
from services.user.usecases.finding import require


class Guarding:
    """Counts attempts at one target. What is counted stays until a right answer clears it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def attempt(self, subject: str) -> None:
        """Counts an attempt before it is looked at, in a transaction of its own. Raises SignInThrottled."""
        guards, now = self._work.repository.guards, self._work.clock.now()
        async with self._work.database.write() as tx:
            guard = await guards.lock(tx, subject, now)
            await guards.save(tx, subject, guard.attempt(now), now)

    async def clear(self, *subjects: str) -> None:
        """Forgets what was counted."""
        async with self._work.database.write() as tx:
            await self._work.repository.guards.clear(tx, *subjects)


class ConfirmPassword:
    """Makes sure that it is the owner who asks for a sensitive change, and not somebody with their access token."""

    def __init__(self, work: Work, guarding: Guarding, hasher: Hasher) -> None:
        self._work = work
        self._guarding = guarding
        self._hasher = hasher

    async def __call__(self, user_id: UUID, password: str) -> Account:
        """The account. Raises PasswordWrong, SignInThrottled, SignInBusy."""
        # From the primary: on a replica a password that was changed a moment ago would still be the old one.
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.get(tx, user_id), user_id)
        await self._guarding.attempt(owner_subject(user_id))
        if not await self._hasher.verify(account.password_hash, password):
            raise PasswordWrong
        await self._guarding.clear(owner_subject(user_id))
        return account


def require_still(current: Account | None, confirmed: Account) -> Account:
    """The account as a transaction holds it now, if its password is still the one confirmed. Raises PasswordWrong,
    UserNotFound."""
    current = require(current, confirmed.user_id)
    if current.password_hash != confirmed.password_hash:
        raise PasswordWrong
    return current
