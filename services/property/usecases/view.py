"""Properties as they are read: by everybody, by their host, and by the booking service."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.chassis.database import Database
from services.chassis.principal import Principal
from services.property.domain.property import Property, State
from services.property.ports import Properties
from services.property.usecases.own import not_found, owns


@dataclass(frozen=True, slots=True)
class View:
    """A property, and whether the reader may see its exact location."""

    property: Property
    exact: bool


class GetProperty:
    """A published property for everybody, any other but a deleted one for its host."""

    def __init__(self, database: Database, properties: Properties) -> None:
        self._database = database
        self._properties = properties

    async def __call__(self, property_id: UUID, by: Principal) -> View:
        """Raises PropertyNotFound."""
        async with self._database.read() as conn:
            found = await self._properties.get(conn, property_id)
        if found is None or found.state is State.DELETED:
            raise not_found(property_id)
        mine = owns(found, by)
        if found.state is not State.PUBLISHED and not mine:
            raise not_found(property_id)
        return View(found, exact=mine)


class GetPublished:
    """A published property with its booking terms."""

    def __init__(self, database: Database, properties: Properties) -> None:
        self._database = database
        self._properties = properties

    async def __call__(self, property_id: UUID) -> Property:
        """Raises PropertyNotFound; a published property always has rates."""
        async with self._database.read() as conn:
            found = await self._properties.get(conn, property_id)
        if found is None or found.state is not State.PUBLISHED:
            raise not_found(property_id)
        return found


class ListOwn:
    """A host's own properties."""

    def __init__(self, database: Database, properties: Properties) -> None:
        self._database = database
        self._properties = properties

    async def __call__(
        self, by: Principal, state: State | None, size: int, after: UUID | None
    ) -> tuple[list[Property], UUID | None]:
        """At most `size`, and the id behind which the next page begins, None on the last."""
        async with self._database.read() as conn:
            found = await self._properties.list_of_host(conn, by.require_user(), state, size + 1, after)
        page = found[:size]
        return page, page[-1].property_id if len(found) > size else None
