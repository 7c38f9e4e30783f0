"""What is removed for good: deleted accounts when their time is over, and what nobody can use any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from services.chassis.database import WriteConnection
from services.user.domain.sessions import LONGEST
from services.user.tables import account, api_key, guard, recovery_code, session, verification

# Enough for a person to be told where somebody signed in.
ENDED_SESSIONS_KEPT = timedelta(days=30)
BATCH = 500


class Erasure:
    """Deletions, at most `batch` rows of a table in each, so that none holds its locks for long."""

    def __init__(self, batch: int = BATCH) -> None:
        self._batch = batch

    async def erase_accounts(self, tx: WriteConnection, deleted_before: datetime, now: datetime) -> int:
        """Erases all that is personal of accounts deleted before then; the ledger keeps the bare id. The number erased."""
        due = (
            select(account.c.user_id)
            .where(account.c.deleted_at < deleted_before, account.c.erased_at.is_(None))
            .limit(self._batch)
            .with_for_update(skip_locked=True)
        )
        users = list((await tx.execute(due)).scalars())
        for table in (session, verification, api_key, recovery_code):
            await tx.execute(delete(table).where(table.c.user_id.in_(users)))
        blank = dict.fromkeys(("display_name", "given_name", "family_name", "about", "password_hash"), "")
        none = dict.fromkeys(("phone_sealed", "totp_sealed", "totp_confirmed_at", "email_verified_at"))
        statement = update(account).where(account.c.user_id.in_(users))
        await tx.execute(statement.values(email_sealed=b"", email_index=b"", erased_at=now, **blank, **none))
        return len(users)

    async def forget(self, tx: WriteConnection, now: datetime) -> int:
        """Removes sessions, verifications and guards that no longer matter; the number removed."""
        old = now - LONGEST - ENDED_SESSIONS_KEPT
        removed = 0
        for table, key, since in (
            (session, session.c.session_id, session.c.created_at),
            (verification, verification.c.verification_id, verification.c.expires_at),
            (guard, guard.c.subject, guard.c.attempted_at),
        ):
            due = select(key).where(since < old).limit(self._batch).with_for_update(skip_locked=True)
            removed += (await tx.execute(delete(table).where(key.in_(due)))).rowcount
        return removed
