"""E-mails that were asked for, and the digests of their one-time tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, select, update

from services.chassis.database import ReadConnection, WriteConnection
from services.user.domain.verifications import MOST_TOKENS, Purpose, Verification
from services.user.repository.sealing import Sealer
from services.user.tables import email_token, verification

_COLUMNS = tuple(column for column in verification.c if column.name != "email_index")


class Verifications:
    """Queries on `verification` and `email_token`."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(self, tx: WriteConnection, new: Verification) -> None:
        """Asks for an e-mail."""
        await tx.execute(
            insert(verification).values(
                verification_id=new.verification_id,
                user_id=new.user_id,
                purpose=new.purpose.value,
                email_sealed=self._sealer.seal("verification.email", new.verification_id, new.email),
                email_index=self._sealer.email_index(new.email),
                created_at=new.created_at,
                expires_at=new.expires_at,
            )
        )

    async def count_since(self, conn: ReadConnection, email: str, since: datetime) -> int:
        """How many e-mails to an address were asked for, compared in canonical form."""
        statement = select(func.count()).where(
            verification.c.email_index == self._sealer.email_index(email), verification.c.created_at > since
        )
        return int(await conn.scalar(statement) or 0)

    async def lock(self, tx: WriteConnection, verification_id: UUID) -> Verification | None:
        """One by its id, held until the transaction ends."""
        statement = select(*_COLUMNS).where(verification.c.verification_id == verification_id)
        return await self._one(tx, statement.with_for_update())

    async def by_token(self, conn: ReadConnection, token_digest: bytes) -> Verification | None:
        """The one a token belongs to."""
        return await self._one(conn, _of_token(token_digest))

    async def lock_by_token(self, tx: WriteConnection, token_digest: bytes) -> Verification | None:
        """The one a token belongs to, held until the transaction ends."""
        return await self._one(tx, _of_token(token_digest).with_for_update(of=verification))

    async def add_token(self, tx: WriteConnection, verification_id: UUID, token_digest: bytes, now: datetime) -> None:
        """Adds a token; beyond the most that one e-mail may have, the oldest go."""
        kept = (
            select(email_token.c.token_digest)
            .where(email_token.c.verification_id == verification_id)
            .order_by(email_token.c.created_at.desc())
            .limit(MOST_TOKENS - 1)
        )
        others = delete(email_token).where(email_token.c.verification_id == verification_id)
        await tx.execute(others.where(email_token.c.token_digest.not_in(kept)))
        row = {"token_digest": token_digest, "verification_id": verification_id, "created_at": now}
        await tx.execute(insert(email_token).values(row))

    async def close(self, tx: WriteConnection, user_id: UUID, now: datetime) -> None:
        """Uses up every open token of an account: what they were sent for is done, or no longer true."""
        statement = update(verification).where(verification.c.user_id == user_id, verification.c.used_at.is_(None))
        await tx.execute(statement.where(verification.c.purpose != Purpose.ACCOUNT_EXISTS).values(used_at=now))

    async def forget(self, tx: WriteConnection, before: datetime) -> int:
        """Removes those that ended long ago; the number removed."""
        ended = await tx.execute(delete(verification).where(verification.c.expires_at < before - timedelta(days=1)))
        return ended.rowcount

    async def _one(self, conn: ReadConnection, statement: Select[Any]) -> Verification | None:
        row = (await conn.execute(statement)).first()
        return self._verification(row) if row else None

    def _verification(self, row: Row[Any]) -> Verification:
        return Verification(
            verification_id=row.verification_id,
            user_id=row.user_id,
            purpose=Purpose(row.purpose),
            email=self._sealer.open("verification.email", row.verification_id, row.email_sealed),
            created_at=row.created_at,
            expires_at=row.expires_at,
            used_at=row.used_at,
        )


def _of_token(token_digest: bytes) -> Select[Any]:
    joined = select(*_COLUMNS).join(email_token, email_token.c.verification_id == verification.c.verification_id)
    return joined.where(email_token.c.token_digest == token_digest)
