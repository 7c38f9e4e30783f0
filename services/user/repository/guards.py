"""Counted attempts to guess secrets."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import WriteConnection
from services.user.domain.throttle import Guard
from services.user.repository.sealing import Sealer
from services.user.tables import guard


class Guards:
    """Queries on `guard`; a subject says what is being guessed at."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def lock(self, tx: WriteConnection, subject: str, now: datetime) -> Guard:
        """The guard of a subject, held until the transaction ends, so that parallel attempts are counted one by one."""
        index = self._sealer.guard_index(subject)
        statement = insert(guard).values(subject=index, failures=0, attempted_at=now)
        # An update that changes nothing: unlike DO NOTHING it locks the row, and returns it.
        statement = statement.on_conflict_do_update(index_elements=["subject"], set_={"subject": index})
        row = (await tx.execute(statement.returning(guard.c.failures, guard.c.blocked_until))).one()
        return Guard(row.failures, row.blocked_until)

    async def save(self, tx: WriteConnection, subject: str, changed: Guard, now: datetime) -> None:
        """Writes a guard that this transaction holds."""
        values = {"failures": changed.failures, "blocked_until": changed.blocked_until, "attempted_at": now}
        await tx.execute(update(guard).where(guard.c.subject == self._sealer.guard_index(subject)).values(values))

    async def clear(self, tx: WriteConnection, *subjects: str) -> None:
        """Forgets the attempts, after one that was right."""
        indexes = [self._sealer.guard_index(subject) for subject in subjects]
        await tx.execute(delete(guard).where(guard.c.subject.in_(indexes)))
