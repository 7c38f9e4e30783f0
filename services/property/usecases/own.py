"""Changes by which a property lives: one transaction that holds the row, its search document and its event."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.chassis.database import Database
from services.chassis.ids import to_typeid
from services.chassis.metrics import counter
from services.chassis.outbox import Outbox
from services.chassis.principal import Principal
from services.property.domain.errors import PropertyError, PropertyNotFound
from services.property.domain.property import Changed, Property, State
from services.property.ports import Properties

CHANGES = counter("property_changes", "Changes of properties, by the event that tells of them.", ["event"])


class ChangeOwn:
    """Changes a property that the caller may change. Another host's is not found, as one that is not there."""

    def __init__(self, database: Database, properties: Properties, outbox: Outbox) -> None:
        self._database = database
        self._properties = properties
        self._outbox = outbox

    async def __call__(
        self,
        property_id: UUID,
        by: Principal,
        change: Callable[[Property], Changed],
        *,
        admins: bool = False,
        deleted: bool = False,
    ) -> Property:
        """`admins` lets administrators change any property; `deleted` lets the change meet deleted ones.

        Raises PropertyNotFound, and what `change` raises.
        """
        async with self._database.write() as tx:
            current = await self._properties.lock(tx, property_id)
            if current is None or not (owns(current, by) or (admins and by.is_admin)):
                raise not_found(property_id)
            if current.state is State.DELETED and not deleted:
                raise not_found(property_id)
            changed = _apply(change, current)
            if changed.events:
                await self._properties.save(tx, changed.property)
                await self._outbox.add(tx, *changed.events)
        for event in changed.events:
            CHANGES.labels(type(event).__name__).inc()
        return changed.property


def owns(what: Property, who: Principal) -> bool:
    """Whether the caller is the host."""
    return who.user_id is not None and what.host_id == who.user_id


def not_found(property_id: UUID) -> PropertyNotFound:
    """The refusal, with the public id."""
    return PropertyNotFound(property_id=to_typeid("property", property_id))


def _apply(change: Callable[[Property], Changed], current: Property) -> Changed:
    try:
        return change(current)
    except PropertyError as error:
        error.about(to_typeid("property", current.property_id))
        raise
