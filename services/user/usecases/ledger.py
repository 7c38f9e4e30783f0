"""Looking at one's points."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.user.domain.points import Balance, Entry
from services.user.ports import Work


class GetPoints:
    """Gets what the caller's entries come to."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID) -> Balance:
        async with self._work.database.read() as conn:
            return await self._work.repository.points.balance(conn, user_id)


class ListPointEntries:
    """Lists the caller's entries."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, *, size: int, before: int | None) -> Sequence[Entry]:
        async with self._work.database.read() as conn:
            return await self._work.repository.points.entries(conn, user_id, size=size, before=before)
