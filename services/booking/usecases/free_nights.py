"""Whether the nights of a stay are free, and what a client is told who finds them taken."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from services.booking.domain.errors import NightsTaken
from services.booking.domain.stay import Stay, alternatives, ranges
from services.booking.repository import nights
from services.chassis.database import ReadConnection

# How far from the wanted dates free ranges are looked for.
NEARBY = timedelta(days=90)


async def require_free(
    conn: ReadConnection, property_id: UUID, stay: Stay, today: date, holder_id: UUID | None = None
) -> None:
    """Refuses a stay of which somebody else has a night now. Only holding the nights makes sure of them."""
    if any(found.holder_id != holder_id for found in await nights.taken(conn, property_id, stay)):
        raise await refusal_of(conn, property_id, stay, today, holder_id)


async def refusal_of(
    conn: ReadConnection, property_id: UUID, stay: Stay, today: date, holder_id: UUID | None = None
) -> NightsTaken:
    """The refusal of a stay: who else than `holder_id` has its nights, and what is free nearby."""
    window = Stay(max(today, stay.check_in - NEARBY), stay.check_out + NEARBY)
    taken = {
        found.night
        for found in await nights.taken(conn, property_id, window)
        if holder_id is None or found.holder_id != holder_id
    }
    conflicts = ranges(night for night in stay.nights() if night in taken)
    return NightsTaken(property_id, stay, conflicts, alternatives(stay, taken, window))
