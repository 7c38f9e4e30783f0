"""An account as its owner, everybody else, and the mesh see it."""

from __future__ import annotations

from uuid import UUID

from services.chassis.etag import require_match
from services.user.domain.accounts import Account, Profile, tidy
from services.user.domain.events import ApiKeyRevoked, UserDeleted, UserUpdated
from services.user.domain.sessions import EndCause
from services.user.ports import Work
from services.user.usecases.finding import require
from services.user.usecases.sessions import EndSessions


class GetUser:
    """Gets an account that is not deleted."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID) -> Account:
        """Raises UserNotFound."""
        async with self._work.database.read() as conn:
            return require(await self._work.repository.accounts.get(conn, user_id), user_id)

    async def active(self, user_id: UUID) -> Account:
        """The same; a suspended one is not found either."""
        account = await self(user_id)
        return require(account if account.is_active else None, user_id)


class UpdateMe:
    """Changes the caller's profile."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, changes: Profile, etag: str) -> Account:
        """The changed account. Raises TimeZoneUnknown; ETAG_MISMATCH."""
        changes = tidy(changes)
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.lock(tx, user_id), user_id)
            require_match(etag, account.version)
            if any(getattr(account, name) != value for name, value in changes.items()):
                account.change(changes, self._work.clock.now())
                await self._work.repository.accounts.save(tx, account)
                await self._work.outbox.add(tx, UserUpdated.of(account))
        return account


class DeleteMe:
    """Deletes the caller's account: signed out everywhere, gone for others, erased later."""

    def __init__(self, work: Work, end_sessions: EndSessions) -> None:
        self._work = work
        self._end_sessions = end_sessions

    async def __call__(self, user_id: UUID, etag: str) -> None:
        """Raises ETAG_MISMATCH."""
        now = self._work.clock.now()
        async with self._work.database.write() as tx:
            account = require(await self._work.repository.accounts.lock(tx, user_id), user_id)
            require_match(etag, account.version)
            purge_at = account.delete(now)
            await self._work.repository.accounts.save(tx, account)
            await self._end_sessions(tx, user_id, EndCause.ACCOUNT_DELETED)
            keys = await self._work.repository.api_keys.revoke_all(tx, user_id, now)
            await self._work.outbox.add(tx, *(ApiKeyRevoked(user_id, api_key_id) for api_key_id in keys))
            await self._work.outbox.add(tx, UserDeleted(user_id, purge_at, account.version))
