"""A host who left lets nothing any more."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.database import Database, WriteConnection
from services.chassis.outbox import Outbox
from services.property.domain.events import PropertyEvent
from services.property.domain.property import State, unpublish
from services.property.ports import Properties
from services.property.usecases.own import CHANGES

# Properties held by one transaction: its locks keep others out, and a transaction may last five seconds.
STEP: Final = 20


class UnpublishAll:
    """Takes all of a host's properties off the market, each with its event.

    Step by step, since a host may have any number of them. A step that is repeated finds nothing left to do, so that the
    event that asks for it needs no inbox row; one that failed midway goes on where it stood.
    """

    def __init__(self, database: Database, properties: Properties, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._properties = properties
        self._outbox = outbox
        self._clock = clock

    async def __call__(self, host_id: UUID) -> None:
        while await self._step(host_id):
            pass

    async def _step(self, host_id: UUID) -> bool:
        """Whether there was something to do."""
        async with self._database.write() as tx:
            found = await self._properties.list_of_host(tx, host_id, State.PUBLISHED, STEP, None)
            told = [event for one in found for event in await self._unpublish(tx, one.property_id)]
            await self._outbox.add(tx, *told)
        for event in told:
            CHANGES.labels(type(event).__name__).inc()
        return bool(found)

    async def _unpublish(self, tx: WriteConnection, property_id: UUID) -> tuple[PropertyEvent, ...]:
        current = await self._properties.lock(tx, property_id)
        # Deleted, or taken off the market by its host, since it was listed.
        if current is None or current.state is not State.PUBLISHED:
            return ()
        changed = unpublish(current, self._clock.now())
        await self._properties.save(tx, changed.property)
        return changed.events
