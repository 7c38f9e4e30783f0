"""Finding properties."""

from __future__ import annotations

from uuid import UUID

from services.chassis.metrics import counter
from services.property.domain.listing import Listing
from services.property.domain.search import Cursor, Found, Hit, Query
from services.property.ports import SearchIndex
from services.property.usecases.view import GetPublished

SEARCHES = counter(
    "property_searches", "First pages searched, by order and by whether anything was found.", ["order", "found"]
)


class SearchProperties:
    """One page of the listings that fulfil a query."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index

    async def __call__(self, query: Query, size: int, after: Cursor | None) -> Found:
        """A text without a single letter or digit finds nothing."""
        wordless = query.text_given and not query.words
        found = Found([], None) if wordless else await self._index.search(query, size, after)
        if after is None:
            SEARCHES.labels(query.order.value, "yes" if found.hits else "no").inc()
        return found


class ListSimilar:
    """Listings like a published one."""

    def __init__(self, get: GetPublished, index: SearchIndex) -> None:
        self._get = get
        self._index = index

    async def __call__(self, property_id: UUID, size: int) -> list[Hit]:
        """Raises PropertyNotFound."""
        return await self._index.similar(Listing.of(await self._get(property_id)), size)
