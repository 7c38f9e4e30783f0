"""Which nights are taken, as the calendar's events tell."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import WriteConnection
from services.property.tables import taken_night_table


class NightRepository:
    """The `Nights` port on PostgreSQL."""

    async def mark(
        self, tx: WriteConnection, property_id: UUID, first: date, last: date, version: int, *, taken: bool
    ) -> None:
        """Marks the nights from `first` to `last`, both included, unless a higher version marked them before."""
        nights = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        values = [{"property_id": property_id, "night": night, "taken": taken, "version": version} for night in nights]
        statement = insert(taken_night_table).values(values)
        await tx.execute(
            statement.on_conflict_do_update(
                index_elements=["property_id", "night"],
                set_={"taken": statement.excluded.taken, "version": statement.excluded.version},
                where=taken_night_table.c.version < statement.excluded.version,
            )
        )

    async def forget(self, tx: WriteConnection, before: date) -> int:
        """Deletes nights that are over; how many."""
        result = await tx.execute(delete(taken_night_table).where(taken_night_table.c.night < before))
        return result.rowcount
