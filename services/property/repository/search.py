"""The `SearchIndex` port on PostgreSQL: the embedded default.

Every order is walked by keyset, so that a page costs the same wherever it is, and rows that come or go meanwhile neither
repeat nor hide another. Relevance is not a computed rank, which would have to look at every match of a common word, but
tiers (words in the title, in title and places, anywhere), each in the order of quality: a tier is read by an index.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, cast, func, literal, select, tuple_
from sqlalchemy.sql.util import ClauseAdapter

from services.chassis.database import Database, ReadConnection
from services.property.domain.geo import Box, Point, distance_of
from services.property.domain.listing import Listing
from services.property.domain.search import Cursor, Found, Hit, Order, Query
from services.property.repository.conditions import Condition, conditions, tiers
from services.property.repository.document import to_listing
from services.property.repository.geography import inside, metres, nearness, planar_distance
from services.property.repository.planning import matches_few, plan_by_values
from services.property.tables import listing_table as listing

COLUMNS: Final = tuple(c for c in listing.c if c.name not in ("cell", "x", "y", "z", "headline", "words"))
KEYS: Final[dict[Order, tuple[ColumnElement[Any], bool]]] = {
    Order.RELEVANCE: (listing.c.quality, True),
    Order.PRICE_ASCENDING: (listing.c.nightly_minor, False),
    Order.PRICE_DESCENDING: (listing.c.nightly_minor, True),
    Order.NEWEST: (listing.c.published_at, True),
}
BY_PRICE: Final = (Order.PRICE_ASCENDING, Order.PRICE_DESCENDING)
# How many of the nearest are looked at before all are.
NEIGHBOURS: Final = 2000
SIMILAR_CANDIDATES: Final = 200
HIGHEST: Final = (32767, str(UUID(int=2**128 - 1)))


class PostgresSearchIndex:
    """Searches the table `listing`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, query: Query, size: int, after: Cursor | None) -> Found:
        """One page of a query."""
        async with self._database.read() as conn:
            await plan_by_values(conn)
            if query.order is Order.DISTANCE:
                return await _nearest(conn, query, size, after)
            if query.order is Order.RELEVANCE and query.words:
                return await _by_tiers(conn, query, size, after)
            rows = await _rows(conn, query, conditions(query), size + 1, after)
            return _found(query, rows, size)

    async def similar(self, to: Listing, size: int) -> list[Hit]:
        """Of the nearest in the same currency, the most alike: a kilometre weighs as much as 3 % of the price, another
        kind as much as 10 km."""
        if to.point is None or to.rates is None:
            return []
        near = (
            select(*COLUMNS, metres(nearness(to.point)).label("distance"))
            .where(listing.c.property_id != to.property_id, listing.c.currency_code == to.rates.currency)
            .order_by(planar_distance(to.point))
            .limit(SIMILAR_CANDIDATES)
            .subquery()
        )
        price = func.abs(func.ln(near.c.nightly_minor / literal(float(to.rates.nightly.minor))))
        unlike = near.c.distance / 1000.0 + price / 0.03 + cast(near.c.kind != to.kind, Integer) * 10
        async with self._database.read() as conn:
            rows = await conn.execute(select(near).order_by(unlike, near.c.property_id).limit(size))
        return [Hit(to_listing(row), row.distance) for row in rows]


async def _rows(
    conn: ReadConnection, query: Query, where: list[Condition], limit: int, after: Cursor | None
) -> list[Row[Any]]:
    key, descending = KEYS[query.order]
    position = tuple_(key, listing.c.property_id)
    if after is not None:
        behind = tuple_(_key_value(query.order, after[-2]), UUID(str(after[-1])))
        where = [*where, position < behind if descending else position > behind]
    found = _select(query, where)
    searching = query.words or (query.order in BY_PRICE and (query.box or query.radius))
    if searching and await matches_few(conn, found):
        # All matches before the order: OFFSET keeps the planner from walking the order instead.
        few = found.offset(0).subquery()
        key, identifier = few.c[key.key or ""], few.c.property_id
        found = select(few)
    else:
        identifier = listing.c.property_id
    order = (key.desc(), identifier.desc()) if descending else (key, identifier)
    return list(await conn.execute(found.order_by(*order).limit(limit)))


async def _by_tiers(conn: ReadConnection, query: Query, size: int, after: Cursor | None) -> Found:
    hits: list[Hit] = []
    start = int(after[0] or 0) if after else 0
    rest = conditions(query, words=False)
    for tier, words in enumerate(tiers(query.words)):
        if tier < start:
            continue
        wanted = size - len(hits)
        rows = await _rows(conn, query, [*words, *rest], wanted + 1, after if tier == start else None)
        found = _found(query, rows, wanted, (tier,))
        hits += found.hits
        if found.after is not None:
            return Found(hits, found.after)
    return Found(hits, None)


async def _nearest(conn: ReadConnection, query: Query, size: int, after: Cursor | None) -> Found:
    assert query.center is not None  # what the contract asks for
    near = nearness(query.center)
    where = conditions(query)
    if after is not None:
        where.append(tuple_(-near, listing.c.property_id) > tuple_(-float(after[0] or 0), UUID(str(after[1]))))
    least = await _least_near(conn, query.center, where, size + 1)
    if least is not None:
        where += [inside(Box.around(query.center, distance_of(least) + 1)), near >= literal(least)]
    # Where the neighbours were not enough, few match: all of them are fetched before the order.
    found = _select(query, where).offset(0).subquery()
    statement = select(found).order_by(found.c.nearness.desc(), found.c.property_id).limit(size + 1)
    return _found(query, list(await conn.execute(statement)), size)


async def _least_near(conn: ReadConnection, center: Point, where: list[Condition], count: int) -> float | None:
    """How near the `count` nearest must at least be, where that can be told from the neighbours alone.

    The index knows the nearest in degrees only; but the least near of any `count` matches bounds the nearest `count`.
    """
    neighbours = select(*listing.c).order_by(planar_distance(center)).limit(NEIGHBOURS).subquery()
    # The conditions are tested on those rows: a join could be run the other way round, once for each match.
    here = ClauseAdapter(neighbours)
    near = here.traverse(nearness(center)).label("nearness")
    some = select(near).where(*map(here.traverse, where)).order_by(near.desc()).limit(count).subquery()
    row = (await conn.execute(select(func.count(), func.min(some.c.nearness)))).one()
    return float(row[1]) if row[0] == count else None


def _select(query: Query, where: list[Condition]) -> Select[Any]:
    columns: list[ColumnElement[Any]] = list(COLUMNS)
    if query.center is not None:
        columns.append(nearness(query.center).label("nearness"))
    return select(*columns).where(*where)


def _found(query: Query, rows: list[Row[Any]], size: int, head: Cursor = ()) -> Found:
    hits = [_hit(row) for row in rows[:size]]
    if len(rows) <= size:
        return Found(hits, None)
    if not hits:  # the page was full with the tier before: the next one begins at the top of this
        return Found([], (*head, *HIGHEST))
    last = rows[size - 1]
    value = last.nearness if query.order is Order.DISTANCE else getattr(last, KEYS[query.order][0].key or "")
    if isinstance(value, datetime):
        value = value.isoformat()
    return Found(hits, (*head, value, str(last.property_id)))


def _hit(row: Row[Any]) -> Hit:
    near = row._mapping.get("nearness")
    return Hit(to_listing(row), None if near is None else round(distance_of(near)))


def _key_value(order: Order, value: str | int | float | None) -> Any:
    return datetime.fromisoformat(str(value)) if order is Order.NEWEST else value
