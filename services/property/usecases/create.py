"""A host begins a property."""

from __future__ import annotations

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.ids import intended_id
from services.chassis.outbox import Outbox
from services.chassis.principal import Principal
from services.property.domain.property import Edits, Property, begin
from services.property.domain.rates import Rates
from services.property.domain.veil import Veil
from services.property.ports import Properties
from services.property.usecases.own import not_found, owns


class CreateProperty:
    """Writes a draft. A repeated call under one idempotency key meets the draft of the first."""

    def __init__(self, database: Database, properties: Properties, outbox: Outbox, veil: Veil, clock: Clock) -> None:
        self._database = database
        self._properties = properties
        self._outbox = outbox
        self._veil = veil
        self._clock = clock

    async def __call__(self, by: Principal, edits: Edits, rates: Rates | None) -> Property:
        """Raises TimeZoneUnknown."""
        property_id = intended_id()
        changed = begin(property_id, by.require_user(), edits, rates, self._veil, self._clock.now())
        async with self._database.write() as tx:
            if await self._properties.insert(tx, changed.property):
                await self._outbox.add(tx, *changed.events)
                return changed.property
            first = await self._properties.get(tx, property_id)
        if first is None or not owns(first, by):
            raise not_found(property_id)
        return first
