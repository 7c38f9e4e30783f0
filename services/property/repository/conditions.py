"""The conditions of a search, each as an expression over `listing`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, func, literal, literal_column, not_

from services.property.domain.geo import Box
from services.property.domain.search import Query
from services.property.domain.stay import Stay
from services.property.repository.document import LANGUAGES, language
from services.property.repository.geography import inside, nearness, nearness_at
from services.property.tables import listing_table as listing
from services.property.tables import taken_night_table as taken_night

Condition = ColumnElement[bool]
# Where a tier looks: in the title; in title and places; everywhere.
TIERS: Final[tuple[ColumnElement[Any], ...]] = (
    func.ts_filter(listing.c.headline, literal_column("'{a}'")),
    listing.c.headline,
    listing.c.words,
)


def conditions(query: Query, *, words: bool = True) -> list[Condition]:
    """All that must hold; without `words`, where `tiers` looks for them."""
    matches = [_matches(query.words, listing.c.words)] if words and query.words else []
    return [*matches, *_place(query), *_stay(query.stay), *_price(query), *_features(query)]


def tiers(words: str) -> Iterator[list[Condition]]:
    """For each tier, what its listings fulfil: the words are found in it, and not in the one before."""
    earlier: list[Condition] = []
    for vector in TIERS:
        found = _matches(words, vector)
        yield [found, *[not_(condition) for condition in earlier[-1:]]]
        earlier.append(found)


def _matches(words: str, vector: ColumnElement[Any]) -> Condition:
    asked: ColumnElement[Any] = func.plainto_tsquery(language(LANGUAGES[0]), literal(words))
    for name in LANGUAGES[1:]:
        asked = asked.op("||")(func.plainto_tsquery(language(name), literal(words)))
    return vector.bool_op("@@")(asked)


def _place(query: Query) -> Iterator[Condition]:
    if query.box is not None:
        yield inside(query.box)
    if query.center is not None and query.radius:
        yield inside(Box.around(query.center, query.radius))
        yield nearness(query.center) >= nearness_at(query.radius)


def _stay(stay: Stay | None) -> Iterator[Condition]:
    if stay is not None:
        yield listing.c.min_nights <= stay.night_count
        yield listing.c.max_nights >= stay.night_count
        yield not_(
            exists().where(
                taken_night.c.property_id == listing.c.property_id,
                taken_night.c.night >= stay.check_in,
                taken_night.c.night < stay.check_out,
                taken_night.c.taken,
            )
        )


def _price(query: Query) -> Iterator[Condition]:
    if query.currency:
        yield listing.c.currency_code == query.currency
    if query.min_price is not None:
        yield listing.c.nightly_minor >= query.min_price.minor
    if query.max_price is not None:
        yield listing.c.nightly_minor <= query.max_price.minor


def _features(query: Query) -> Iterator[Condition]:
    if query.guests:
        yield listing.c.max_guests >= query.guests
    if query.amenities:
        yield listing.c.amenities.contains(list(query.amenities))
    if query.kinds:
        yield listing.c.kind.in_(query.kinds)
    if query.instant_book:
        yield listing.c.instant_book
