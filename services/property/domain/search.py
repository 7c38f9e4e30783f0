"""What can be asked of the search, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from services.property.domain.geo import Box, Point
from services.property.domain.listing import Listing
from services.property.domain.money import Money
from services.property.domain.stay import Stay


class Order(Enum):
    """Every order ends with the property's id, so that it is total."""

    RELEVANCE = "relevance"
    PRICE_ASCENDING = "price_ascending"
    PRICE_DESCENDING = "price_descending"
    DISTANCE = "distance"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class Query:
    """All conditions given must hold. `words` is folded text; `radius` in metres, around `center`.

    `text_given` without `words` (a text of signs alone) finds nothing, rather than everything.
    """

    words: str = ""
    text_given: bool = False
    box: Box | None = None
    center: Point | None = None
    radius: int = 0
    stay: Stay | None = None
    guests: int = 0
    currency: str = ""
    min_price: Money | None = None
    max_price: Money | None = None
    amenities: tuple[int, ...] = ()
    kinds: tuple[int, ...] = ()
    instant_book: bool = False
    order: Order = Order.RELEVANCE


@dataclass(frozen=True, slots=True)
class Hit:
    """A listing that was found; `distance` in whole metres from the centre asked for, to the veiled point."""

    listing: Listing
    distance: int | None = None


# The sort key of the last result of a page, in whatever form the index needs to go on behind it.
Cursor = tuple[str | int | float | None, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One page; `after` is where the next one begins, None on the last."""

    hits: list[Hit]
    after: Cursor | None
