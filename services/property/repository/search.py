"""The `SearchIndex` port on PostgreSQL: the embedded default.

Every order is walked by keyset, so that a page costs the same wherever it is, and rows that come or go meanwhile neither
repeat nor hide another. Relevance is not a computed rank, which would have to look at every match of a common word, but
tiers (words in the title, in title and places, anywhere), each in the order of quality: a tier is read by an index.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, cast, func, literal, select, text, tuple_

from services.chassis.database import Database, ReadConnection
from services.property.domain.geo import Box
from services.property.domain.listing import Listing
from services.property.domain.search import Cursor, Found, Hit, Order, Query
from services.property.repository.conditions import Condition, conditions, tiers
from services.property.repository.document import to_listing
from services.property.repository.geography import distance_from, planar_distance
from services.property.tables import listing_table as listing

COLUMNS: Final = tuple(column for column in listing.c if column.name not in ("cell", "words"))
KEYS: Final[dict[Order, tuple[ColumnElement[Any], bool]]] = {
    Order.RELEVANCE: (listing.c.quality, True),
    Order.PRICE_ASCENDING: (listing.c.nightly_minor, False),
    Order.PRICE_DESCENDING: (listing.c.nightly_minor, True),
    Order.NEWEST: (listing.c.published_at, True),
}
SIMILAR_CANDIDATES: Final = 200


class PostgresSearchIndex:
    """Searches the table `listing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, query: Query, size: int, after: Cursor | None) -> Found:
        """One page of a query."""
        async with self._database.read() as conn:
            await _plan_by_values(conn)
            if query.order is Order.DISTANCE:
                return await _nearest(conn, query, size, after)
            if query.order is Order.RELEVANCE and query.words:
                return await _by_tiers(conn, query, size, after)
            rows = await _rows(conn, query, conditions(query), size + 1, after)
            return _found(query, rows, size, ())

    async def similar(self, to: Listing, size: int) -> list[Hit]:
        """Of the nearest in the same currency, the most alike: a kilometre weighs as much as 3 % of the price, another
        kind as much as 10 km."""
        if to.point is None or to.rates is None:
            return []
        distance = distance_from(to.point)
        near = (
            select(*COLUMNS, distance.label("distance"))
            .where(listing.c.property_id != to.property_id, listing.c.currency_code == to.rates.currency)
            .order_by(planar_distance(to.point))
            .limit(SIMILAR_CANDIDATES)
            .subquery()
        )
        price = func.abs(func.ln(near.c.nightly_minor / literal(float(to.rates.nightly.minor))))
        unlike = near.c.distance / 1000.0 + price / 0.03 + cast(near.c.kind != to.kind, Integer) * 10
        async with self._database.read() as conn:
            await _plan_by_values(conn)
            rows = await conn.execute(select(near).order_by(unlike, near.c.property_id).limit(size))
        return [Hit(to_listing(row), row.distance) for row in rows]


async def _plan_by_values(conn: ReadConnection) -> None:
    # A prepared statement gets a plan for any values at its sixth use; but a village and a country, or a rare and a
    # common word, need different plans. Once a pooled connection is enough.
    raw = conn.sync_connection
    if raw is not None and not raw.info.get("plans_by_values"):
        await conn.execute(text("SET plan_cache_mode = force_custom_plan"))
        raw.info["plans_by_values"] = True


async def _rows(
    conn: ReadConnection, query: Query, where: list[Condition], limit: int, after: Cursor | None
) -> list[Row[Any]]:
    key, descending = KEYS[query.order]
    position = tuple_(key, listing.c.property_id)
    if after is not None:
        behind = tuple_(_key_value(query.order, after[-2]), UUID(str(after[-1])))
        where = [*where, position < behind if descending else position > behind]
    order = (key.desc(), listing.c.property_id.desc()) if descending else (key, listing.c.property_id)
    return list(await conn.execute(_select(query, where).order_by(*order).limit(limit)))


async def _by_tiers(conn: ReadConnection, query: Query, size: int, after: Cursor | None) -> Found:
    hits: list[Hit] = []
    start = int(after[0] or 0) if after else 0
    rest = conditions(query, words=False)
    for tier, words in enumerate(tiers(query.words)):
        if tier < start:
            continue
        wanted = size + 1 - len(hits)
        rows = await _rows(conn, query, [*words, *rest], wanted, after if tier == start else None)
        if len(rows) == wanted:
            found = _found(query, rows, wanted - 1, (tier,))
            # A page may end exactly with the tier before: then the next one begins at the top of this tier.
            end = found.after if found.hits else _top(tier)
            return Found(hits + found.hits, end)
        hits += [_hit(row) for row in rows]
    return Found(hits, None)


def _top(tier: int) -> Cursor:
    return (tier, 32767, str(UUID(int=2**128 - 1)))


async def _nearest(conn: ReadConnection, query: Query, size: int, after: Cursor | None) -> Found:
    assert query.center is not None  # what the contract asks for
    distance = distance_from(query.center)
    where = conditions(query)
    if after is not None:
        where.append(tuple_(distance, listing.c.property_id) > tuple_(int(after[0] or 0), UUID(str(after[1]))))
    # The index knows the nearest in degrees only. The farthest of so many of them bounds the nearest in metres.
    some = select(distance.label("distance")).where(*where).order_by(planar_distance(query.center)).limit(size + 1)
    reach = await conn.scalar(select(func.max(some.subquery().c.distance)))
    if reach is None:
        return Found([], None)
    around = conditions(Query(box=Box.around(query.center, reach + 1)))
    statement = _select(query, [*where, *around, distance <= reach]).order_by(distance, listing.c.property_id)
    rows = list(await conn.execute(statement.limit(size + 1)))
    return _found(query, rows, size, ())


def _select(query: Query, where: list[Condition]) -> Select[Any]:
    columns: list[ColumnElement[Any]] = list(COLUMNS)
    if query.center is not None:
        columns.append(distance_from(query.center).label("distance"))
    return select(*columns).where(*where)


def _found(query: Query, rows: list[Row[Any]], size: int, head: Cursor) -> Found:
    page = rows[:size]
    if len(rows) <= size or not page:
        return Found([_hit(row) for row in page], None)
    last = page[-1]
    value = last.distance if query.order is Order.DISTANCE else getattr(last, KEYS[query.order][0].key or "")
    if isinstance(value, datetime):
        value = value.isoformat()
    return Found([_hit(row) for row in page], (*head, value, str(last.property_id)))


def _hit(row: Row[Any]) -> Hit:
    return Hit(to_listing(row), row._mapping.get("distance"))


def _key_value(order: Order, value: str | int | float | None) -> Any:
    return datetime.fromisoformat(str(value)) if order is Order.NEWEST else value
