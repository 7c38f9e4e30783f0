"""Making somebody an administrator, from the command line alone."""

from __future__ import annotations

from services.user.domain.accounts import Account, Role
from services.user.domain.events import UserUpdated
from services.user.ports import Work


class GrantAdmin:
    """Grants ADMIN to the owner of a verified address. Their next access token carries it."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, email: str) -> Account | None:
        """The account; None if the address is nobody's verified one."""
        async with self._work.database.write() as tx:
            owner = await self._work.repository.accounts.owner_of(tx, email)
            account = await self._work.repository.accounts.lock(tx, owner.user_id) if owner else None
            if account is not None and Role.ADMIN not in account.roles:
                account.grant(Role.ADMIN, self._work.clock.now())
                await self._work.repository.accounts.save(tx, account)
                await self._work.outbox.add(tx, UserUpdated.of(account))
            return account
