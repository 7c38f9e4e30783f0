"""API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import ReadConnection, WriteConnection
from services.user.domain.api_keys import ApiKey
from services.user.tables import api_key

_COLUMNS = tuple(api_key.c)


class ApiKeys:
    """Queries on `api_key`."""

    async def add(self, tx: WriteConnection, new: ApiKey) -> None:
        """Inserts a key. A retry under the same id gets a new secret: the first one's answer was lost."""
        statement = insert(api_key).values(
            api_key_id=new.api_key_id,
            user_id=new.user_id,
            display_name=new.display_name,
            scopes=list(new.scopes),
            secret_digest=new.secret_digest,
            created_at=new.created_at,
            expires_at=new.expires_at,
        )
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["api_key_id"],
                set_={"secret_digest": new.secret_digest},
                where=api_key.c.user_id == new.user_id,
            )
        )

    async def count(self, conn: ReadConnection, user_id: UUID, *, other_than: UUID) -> int:
        """How many keys a user has that are not revoked, not counting one."""
        statement = select(func.count()).where(
            api_key.c.user_id == user_id, api_key.c.revoked_at.is_(None), api_key.c.api_key_id != other_than
        )
        return int(await conn.scalar(statement) or 0)

    async def get(self, conn: ReadConnection, api_key_id: UUID) -> ApiKey | None:
        """A key, be it good or not."""
        row = (await conn.execute(select(*_COLUMNS).where(api_key.c.api_key_id == api_key_id))).first()
        return _api_key(row) if row else None

    async def list(self, conn: ReadConnection, user_id: UUID, *, size: int, before: UUID | None) -> Sequence[ApiKey]:
        """A user's keys that are not revoked, the newest first, those older than `before`."""
        statement = select(*_COLUMNS).where(api_key.c.user_id == user_id, api_key.c.revoked_at.is_(None))
        if before is not None:
            statement = statement.where(api_key.c.api_key_id < before)
        rows = await conn.execute(statement.order_by(api_key.c.api_key_id.desc()).limit(size))
        return [_api_key(row) for row in rows]

    async def note_use(self, tx: WriteConnection, api_key_id: UUID, now: datetime) -> None:
        """Notes when a key was last used."""
        await tx.execute(update(api_key).where(api_key.c.api_key_id == api_key_id).values(used_at=now))

    async def revoke(self, tx: WriteConnection, user_id: UUID, api_key_id: UUID, now: datetime) -> bool:
        """Revokes one of a user's keys; False if there is no such one."""
        statement = update(api_key).where(
            api_key.c.api_key_id == api_key_id, api_key.c.user_id == user_id, api_key.c.revoked_at.is_(None)
        )
        return bool((await tx.execute(statement.values(revoked_at=now))).rowcount)

    async def revoke_all(self, tx: WriteConnection, user_id: UUID, now: datetime) -> Sequence[UUID]:
        """Revokes all of a user's keys; their ids."""
        statement = update(api_key).where(api_key.c.user_id == user_id, api_key.c.revoked_at.is_(None))
        revoked = await tx.execute(statement.values(revoked_at=now).returning(api_key.c.api_key_id))
        return sorted(revoked.scalars())


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        api_key_id=row.api_key_id,
        user_id=row.user_id,
        display_name=row.display_name,
        scopes=tuple(row.scopes),
        secret_digest=row.secret_digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
