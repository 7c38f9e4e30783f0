"""What the use cases need from outside."""

from __future__ import annotations

from datetime import date
from typing import Protocol
from uuid import UUID

from services.chassis.database import ReadConnection, WriteConnection
from services.property.domain.listing import Listing
from services.property.domain.property import Property, State
from services.property.domain.search import Cursor, Found, Hit, Query


class Properties(Protocol):
    """The properties themselves, with the host's secrets."""

    async def insert(self, tx: WriteConnection, new: Property) -> bool:
        """Whether it is new; False where a property has this id already."""

    async def save(self, tx: WriteConnection, changed: Property) -> None:
        """Writes a property that `lock` answered, and brings its search document in step."""

    async def lock(self, tx: WriteConnection, property_id: UUID) -> Property | None:
        """The property as it is now, kept from other writers until the transaction ends."""

    async def get(self, conn: ReadConnection, property_id: UUID) -> Property | None:
        """The property, in whatever state."""

    async def list_of_host(
        self, conn: ReadConnection, host_id: UUID, state: State | None, size: int, after: UUID | None
    ) -> list[Property]:
        """At most `size`, the newest first, without deleted ones."""


class SearchIndex(Protocol):
    """The published listings, findable. It answers from veiled points alone, since it holds no others."""

    async def search(self, query: Query, size: int, after: Cursor | None) -> Found:
        """One page of a query."""

    async def similar(self, to: Listing, size: int) -> list[Hit]:
        """The listings most like this one, with their distance to it."""


class Nights(Protocol):
    """Which nights are taken, as the calendar tells."""

    async def mark(
        self, tx: WriteConnection, property_id: UUID, first: date, last: date, version: int, *, taken: bool
    ) -> None:
        """Marks the nights from `first` to `last`, both included, unless a higher version marked them before."""

    async def forget(self, tx: WriteConnection, before: date) -> int:
        """Deletes nights that are over; how many."""
