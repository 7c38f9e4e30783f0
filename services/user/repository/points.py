"""The points ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from services.chassis.database import ReadConnection, WriteConnection
from services.chassis.ids import new_id
from services.user.domain.points import Balance, Cause, Entry, Tip, Transfer
from services.user.tables import account, point_entry, point_transfer


class Points:
    """Queries on `point_transfer` and `point_entry`, which only ever grow."""

    async def post(self, tx: WriteConnection, transfer: Transfer, now: datetime) -> bool:
        """Moves points; False if its cause and source moved them before. Raises PointsInsufficient."""
        transfer_id = new_id()
        statement = upsert(point_transfer).values(
            transfer_id=transfer_id, cause=transfer.cause.value, source_id=transfer.source_id, created_at=now
        )
        if (
            await tx.execute(statement.on_conflict_do_nothing().returning(point_transfer.c.transfer_id))
        ).first() is None:
            return False
        tip = (await self._lock_tip(tx, transfer.user_id)).then(transfer.amount)
        both = {"transfer_id": transfer_id, "created_at": now}
        users = {"user_id": transfer.user_id, "amount": transfer.amount, "sequence": tip.sequence}
        house = {"user_id": None, "amount": -transfer.amount, "sequence": None, "balance_after": None}
        await tx.execute(
            insert(point_entry),
            [
                {"entry_id": new_id(), **both, **users, "balance_after": tip.balance},
                {"entry_id": new_id(), **both, **house},
            ],
        )
        return True

    async def _lock_tip(self, tx: WriteConnection, user_id: UUID) -> Tip:
        # Writers of one ledger queue at the account, rather than fail at the unique sequence, which is the second wall.
        await tx.execute(select(account.c.user_id).where(account.c.user_id == user_id).with_for_update(key_share=True))
        statement = select(point_entry.c.sequence, point_entry.c.balance_after).where(point_entry.c.user_id == user_id)
        row = (await tx.execute(statement.order_by(point_entry.c.sequence.desc()).limit(1))).first()
        return Tip(row.sequence, row.balance_after) if row else Tip()

    async def balance(self, conn: ReadConnection, user_id: UUID) -> Balance:
        """What a user's entries come to."""
        amount = point_entry.c.amount
        statement = select(
            func.coalesce(func.sum(amount), 0).label("balance"),
            func.coalesce(func.sum(amount).filter(amount > 0), 0).label("earned"),
            func.coalesce(-func.sum(amount).filter(amount < 0), 0).label("spent"),
        ).where(point_entry.c.user_id == user_id)
        row = (await conn.execute(statement)).one()
        return Balance(int(row.balance), int(row.earned), int(row.spent))

    async def entries(self, conn: ReadConnection, user_id: UUID, *, size: int, before: int | None) -> Sequence[Entry]:
        """A user's entries, the newest first, those with a sequence number below `before`."""
        columns = (*point_entry.c, point_transfer.c.cause)
        joined = select(*columns).join(point_transfer, point_transfer.c.transfer_id == point_entry.c.transfer_id)
        statement = joined.where(point_entry.c.user_id == user_id)
        if before is not None:
            statement = statement.where(point_entry.c.sequence < before)
        rows = await conn.execute(statement.order_by(point_entry.c.sequence.desc()).limit(size))
        return [_entry(row) for row in rows]

    async def broken(self, conn: ReadConnection) -> Sequence[UUID]:
        """Users whose entries do not add up one to the next, or leave a gap: there must be none."""
        user, order = point_entry.c.user_id, point_entry.c.sequence
        lines = (
            select(
                point_entry.c.user_id,
                point_entry.c.balance_after,
                point_entry.c.sequence,
                func.sum(point_entry.c.amount).over(partition_by=user, order_by=order).label("sum"),
                func.row_number().over(partition_by=user, order_by=order).label("number"),
            )
            .where(point_entry.c.user_id.is_not(None))
            .subquery()
        )
        wrong = or_(lines.c.sum != lines.c.balance_after, lines.c.number != lines.c.sequence)
        return list((await conn.execute(select(lines.c.user_id).where(wrong).distinct())).scalars())


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        entry_id=row.entry_id,
        user_id=row.user_id,
        amount=row.amount,
        sequence=row.sequence,
        balance_after=row.balance_after,
        cause=Cause(row.cause),
        created_at=row.created_at,
    )
