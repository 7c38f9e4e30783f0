"""A host changes what a property says, costs, and whether it is on the market."""

from __future__ import annotations

from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.etag import require_match
from services.chassis.principal import Principal
from services.property.domain.property import Changed, Edits, Property, delete, edit, publish, reprice, unpublish
from services.property.domain.rates import Rates
from services.property.domain.veil import Veil
from services.property.usecases.own import ChangeOwn, not_found


class UpdateProperty:
    """Changes the named fields, if the property is still the one that the host saw."""

    def __init__(self, change: ChangeOwn, veil: Veil, clock: Clock) -> None:
        self._change = change
        self._veil = veil
        self._clock = clock

    async def __call__(self, property_id: UUID, by: Principal, edits: Edits, etag: str) -> Property:
        """Raises ETAG_MISMATCH, TimeZoneUnknown, PropertyMustStayComplete and PropertyNotFound."""

        def step(current: Property) -> Changed:
            require_match(etag, current.version)
            return edit(current, edits, self._veil, self._clock.now())

        return await self._change(property_id, by, step)


class ReplaceRates:
    """New rates for nights that are quoted from now on."""

    def __init__(self, change: ChangeOwn, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    async def __call__(self, property_id: UUID, by: Principal, rates: Rates) -> Rates:
        """Raises PropertyNotFound."""
        changed = await self._change(property_id, by, lambda current: reprice(current, rates, self._clock.now()))
        if changed.rates is None:
            raise not_found(property_id)
        return changed.rates


class PublishProperty:
    """Puts a complete property on the market."""

    def __init__(self, change: ChangeOwn, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    async def __call__(self, property_id: UUID, by: Principal) -> Property:
        """Raises PropertyIncomplete and PropertyNotFound."""
        return await self._change(property_id, by, lambda current: publish(current, self._clock.now()))


class UnpublishProperty:
    """Takes a property off the market; administrators may do so with any."""

    def __init__(self, change: ChangeOwn, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    async def __call__(self, property_id: UUID, by: Principal) -> Property:
        """Raises PropertyStateInvalid and PropertyNotFound."""
        return await self._change(property_id, by, lambda current: unpublish(current, self._clock.now()), admins=True)


class DeleteProperty:
    """Deletes a property for good; administrators may do so with any."""

    def __init__(self, change: ChangeOwn, clock: Clock) -> None:
        self._change = change
        self._clock = clock

    async def __call__(self, property_id: UUID, by: Principal) -> None:
        """Raises PropertyNotFound."""
        await self._change(
            property_id, by, lambda current: delete(current, self._clock.now()), admins=True, deleted=True
        )
