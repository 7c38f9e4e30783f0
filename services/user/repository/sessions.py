"""Sessions and the digests of their refresh tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from services.chassis.database import ReadConnection, WriteConnection
from services.user.domain.sessions import IDLE, LONGEST, EndCause, Session
from services.user.repository.sealing import Sealer
from services.user.tables import refresh_token, session

_COLUMNS = tuple(
    session.c[name]
    for name in (
        "session_id",
        "user_id",
        "device_name",
        "address_sealed",
        "generation",
        "created_at",
        "refreshed_at",
        "ended_at",
    )
)


class Sessions:
    """Queries on `session` and `refresh_token`."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(self, tx: WriteConnection, new: Session, token_digest: bytes) -> None:
        """Opens a session with its first refresh token."""
        await tx.execute(
            insert(session).values(
                session_id=new.session_id,
                user_id=new.user_id,
                device_name=new.device_name,
                address_sealed=self._sealer.seal("session.address", new.session_id, new.address),
                address_index=self._sealer.address_index(new.address),
                generation=new.generation,
                created_at=new.created_at,
                refreshed_at=new.refreshed_at,
            )
        )
        await self._add_token(tx, new.session_id, new.generation, token_digest)

    async def lock_by_token(self, tx: WriteConnection, token_digest: bytes) -> tuple[Session, int] | None:
        """The session a refresh token belongs to, held until the transaction ends, and the token's generation."""
        statement = (
            select(*_COLUMNS, refresh_token.c.generation.label("presented"))
            .join(refresh_token, refresh_token.c.session_id == session.c.session_id)
            .where(refresh_token.c.token_digest == token_digest)
            .with_for_update(of=session)
        )
        row = (await tx.execute(statement)).first()
        return (self._session(row), row.presented) if row else None

    async def rotate(self, tx: WriteConnection, current: Session, token_digest: bytes, now: datetime) -> Session:
        """Makes the token of `token_digest` the only good one; the older ones are known as used."""
        rotated = replace(current, generation=current.generation + 1, refreshed_at=now)
        statement = update(session).where(session.c.session_id == current.session_id)
        await tx.execute(statement.values(generation=rotated.generation, refreshed_at=now))
        await self._add_token(tx, current.session_id, rotated.generation, token_digest)
        return rotated

    async def list_open(
        self, conn: ReadConnection, user_id: UUID, now: datetime, *, size: int, before: UUID | None
    ) -> Sequence[Session]:
        """A user's open sessions, the newest first, those older than `before`."""
        statement = select(*_COLUMNS).where(
            session.c.user_id == user_id,
            session.c.ended_at.is_(None),
            session.c.created_at > now - LONGEST,
            session.c.refreshed_at > now - IDLE,
        )
        if before is not None:
            statement = statement.where(session.c.session_id < before)
        rows = await conn.execute(statement.order_by(session.c.session_id.desc()).limit(size))
        return [self._session(row) for row in rows]

    async def end(self, tx: WriteConnection, user_id: UUID, session_id: UUID, cause: EndCause, now: datetime) -> bool:
        """Ends one of a user's sessions; False if there is no such open one."""
        ended = await tx.execute(
            update(session)
            .where(session.c.session_id == session_id, session.c.user_id == user_id, session.c.ended_at.is_(None))
            .values(ended_at=now, end_cause=cause.value)
        )
        return bool(ended.rowcount)

    async def end_all(
        self, tx: WriteConnection, user_id: UUID, cause: EndCause, now: datetime, *, keep: UUID | None = None
    ) -> list[UUID]:
        """Ends a user's open sessions but `keep`; their ids."""
        statement = update(session).where(session.c.user_id == user_id, session.c.ended_at.is_(None))
        if keep is not None:
            statement = statement.where(session.c.session_id != keep)
        ended = await tx.execute(statement.values(ended_at=now, end_cause=cause.value).returning(session.c.session_id))
        return sorted(ended.scalars())

    async def _add_token(self, tx: WriteConnection, session_id: UUID, generation: int, token_digest: bytes) -> None:
        row = {"token_digest": token_digest, "session_id": session_id, "generation": generation}
        await tx.execute(insert(refresh_token).values(row))

    def _session(self, row: Any) -> Session:
        return Session(
            session_id=row.session_id,
            user_id=row.user_id,
            device_name=row.device_name,
            address=self._sealer.open("session.address", row.session_id, row.address_sealed),
            created_at=row.created_at,
            refreshed_at=row.refreshed_at,
            generation=row.generation,
            ended_at=row.ended_at,
        )
