"""Properties, their rates and their search documents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.database import ReadConnection, WriteConnection
from services.property.domain.property import Property, State
from services.property.domain.rates import Rates
from services.property.repository import rows
from services.property.repository.document import document
from services.property.repository.sealing import LocationSeal
from services.property.tables import listing_table, property_table, rates_table

COLUMNS = (
    *property_table.c,
    *(column for column in rates_table.c if column.name not in ("property_id", "version", "created_at")),
)


class PropertyRepository:
    """The `Properties` port on PostgreSQL."""

    def __init__(self, seal: LocationSeal) -> None:
        self._seal = seal

    async def insert(self, tx: WriteConnection, new: Property) -> bool:
        """Whether it is new; False where a property has this id already."""
        statement = insert(property_table).values(**self._values(new)).on_conflict_do_nothing()
        if await tx.scalar(statement.returning(property_table.c.property_id)) is None:
            return False
        await _keep_rates(tx, new)
        return True

    async def save(self, tx: WriteConnection, changed: Property) -> None:
        """Writes the property, a new version of its rates, and its search document while it is published."""
        mine = property_table.c.property_id == changed.property_id
        await tx.execute(update(property_table).where(mine).values(**self._values(changed)))
        await _keep_rates(tx, changed)
        if changed.state is State.PUBLISHED:
            values = document(changed)
            statement = insert(listing_table).values(values)
            await tx.execute(statement.on_conflict_do_update(index_elements=["property_id"], set_=values))
        else:
            await tx.execute(delete(listing_table).where(listing_table.c.property_id == changed.property_id))

    async def lock(self, tx: WriteConnection, property_id: UUID) -> Property | None:
        """The property, kept from other writers until the transaction ends."""
        return await self._one(tx, LOCKED, property_id)

    async def get(self, conn: ReadConnection, property_id: UUID) -> Property | None:
        """The property, in whatever state."""
        return await self._one(conn, ONE, property_id)

    async def list_of_host(
        self, conn: ReadConnection, host_id: UUID, state: State | None, size: int, after: UUID | None
    ) -> list[Property]:
        """At most `size`, the newest first, without deleted ones."""
        statement = (
            _joined()
            .where(property_table.c.host_id == host_id, property_table.c.state != State.DELETED.value)
            .order_by(property_table.c.property_id.desc())
            .limit(size)
        )
        if state is not None:
            statement = statement.where(property_table.c.state == state.value)
        if after is not None:
            statement = statement.where(property_table.c.property_id < after)
        return [self._property(row) for row in await conn.execute(statement)]

    async def _one(self, conn: ReadConnection, statement: Select[Any], property_id: UUID) -> Property | None:
        row = (await conn.execute(statement, {"wanted": property_id})).first()
        return self._property(row) if row else None

    def _property(self, row: Row[Any]) -> Property:
        return rows.to_property(row, self._seal.open(row.property_id, row.location_sealed))

    def _values(self, of: Property) -> dict[str, Any]:
        return rows.of_property(of) | {"location_sealed": self._seal.close(of.property_id, of.location)}


def _joined() -> Select[Any]:
    current = (rates_table.c.property_id == property_table.c.property_id) & (
        rates_table.c.version == property_table.c.rates_version
    )
    return select(*COLUMNS).select_from(property_table.outerjoin(rates_table, current))


# Made once: building a statement costs more than a tenth of the request that runs it.
ONE = _joined().where(property_table.c.property_id == bindparam("wanted"))
LOCKED = ONE.with_for_update(of=property_table)


async def _keep_rates(tx: WriteConnection, of: Property) -> None:
    rates: Rates | None = of.rates
    if rates is not None:
        values = rows.of_rates(rates) | {
            "property_id": of.property_id,
            "version": rates.version,
            "created_at": of.updated_at,
        }
        await tx.execute(insert(rates_table).values(values).on_conflict_do_nothing())
