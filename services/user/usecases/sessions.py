"""Sessions: opening, refreshing, listing and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.database import WriteConnection
from services.chassis.ids import new_id, to_typeid
from services.user.domain import opaque
from services.user.domain.accounts import Account
from services.user.domain.errors import RefreshTokenInvalid, RefreshTokenReused, SessionNotFound
from services.user.domain.events import SessionRevoked
from services.user.domain.sessions import EndCause, Session, Verdict
from services.user.ports import AccessToken, AccessTokens, RefreshTokens, Work


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody signs in: what the client calls itself, and its network address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A pair of tokens, and the session they belong to."""

    session: Session
    access: AccessToken
    refresh_token: str


class OpenSession:
    """Opens a session in the transaction of whoever made sure that its owner is there."""

    def __init__(self, work: Work, access: AccessTokens, refresh: RefreshTokens) -> None:
        self._work = work
        self._access = access
        self._refresh = refresh

    async def __call__(self, tx: WriteConnection, account: Account, device: Device) -> SignedIn:
        now = self._work.clock.now()
        session = Session(new_id(), account.user_id, device.name, device.address, created_at=now, refreshed_at=now)
        token = self._refresh.first()
        await self._work.repository.sessions.add(tx, session, opaque.digest(token))
        return SignedIn(session, self._access.for_session(account, session.session_id, now), token)


class Refresh:
    """Trades a refresh token for the next pair; one that was used before ends its session."""

    def __init__(self, work: Work, access: AccessTokens, refresh: RefreshTokens) -> None:
        self._work = work
        self._access = access
        self._refresh = refresh

    async def __call__(self, token: str) -> SignedIn:
        """The next pair. Raises RefreshTokenInvalid, RefreshTokenReused."""
        now = self._work.clock.now()
        async with self._work.database.write() as tx:
            found = await self._work.repository.sessions.lock_by_token(tx, opaque.digest(token))
            if found is None:
                raise RefreshTokenInvalid
            session, generation = found
            verdict = session.judge(generation, now)
            if verdict is Verdict.REUSED:
                await self._end(tx, session, now)
            elif verdict is not Verdict.OVER:
                return await self._next(tx, session, token, verdict, now)
        # Said only now: raised inside, it would undo the end of the session.
        raise RefreshTokenReused if verdict is Verdict.REUSED else RefreshTokenInvalid

    async def _next(
        self, tx: WriteConnection, session: Session, token: str, verdict: Verdict, now: datetime
    ) -> SignedIn:
        account = await self._work.repository.accounts.get(tx, session.user_id)
        if account is None or not account.is_active:
            raise RefreshTokenInvalid
        following = self._refresh.after(token)
        if verdict is Verdict.ROTATE:
            session = await self._work.repository.sessions.rotate(tx, session, opaque.digest(following), now)
        return SignedIn(session, self._access.for_session(account, session.session_id, now), following)

    async def _end(self, tx: WriteConnection, session: Session, now: datetime) -> None:
        cause = EndCause.TOKEN_REUSED
        if await self._work.repository.sessions.end(tx, session.user_id, session.session_id, cause, now):
            await self._work.outbox.add(tx, SessionRevoked(session.user_id, session.session_id, cause))


class EndSessions:
    """Ends sessions in the transaction of whoever has a reason to."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, tx: WriteConnection, user_id: UUID, cause: EndCause, *, keep: UUID | None = None) -> None:
        """Ends every session of the user but `keep`."""
        ended = await self._work.repository.sessions.end_all(tx, user_id, cause, self._work.clock.now(), keep=keep)
        await self._work.outbox.add(tx, *(SessionRevoked(user_id, session_id, cause) for session_id in ended))


class Logout:
    """Ends the caller's session, or all of theirs."""

    def __init__(self, work: Work, end_sessions: EndSessions) -> None:
        self._work = work
        self._end_sessions = end_sessions

    async def __call__(self, user_id: UUID, session_id: UUID | None, *, everywhere: bool) -> None:
        cause = EndCause.LOGGED_OUT
        async with self._work.database.write() as tx:
            if everywhere:
                await self._end_sessions(tx, user_id, cause)
            elif session_id is not None and await self._work.repository.sessions.end(
                tx, user_id, session_id, cause, self._work.clock.now()
            ):
                await self._work.outbox.add(tx, SessionRevoked(user_id, session_id, cause))


class ListSessions:
    """Lists the caller's open sessions."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, *, size: int, before: UUID | None) -> Sequence[Session]:
        async with self._work.database.read() as conn:
            sessions, now = self._work.repository.sessions, self._work.clock.now()
            return await sessions.list_open(conn, user_id, now, size=size, before=before)


class DeleteSession:
    """Ends one of the caller's sessions from another device."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, session_id: UUID) -> None:
        """Raises SessionNotFound."""
        cause = EndCause.ENDED_REMOTELY
        async with self._work.database.write() as tx:
            if not await self._work.repository.sessions.end(tx, user_id, session_id, cause, self._work.clock.now()):
                raise SessionNotFound(session_id=to_typeid("session", session_id))
            await self._work.outbox.add(tx, SessionRevoked(user_id, session_id, cause))
