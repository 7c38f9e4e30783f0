"""Turns: who wants nights of one property waits here, not in the database."""

from __future__ import annotations

import asyncio
from uuid import UUID

STRIPES = 256


class Turns:
    """One turn at a time for each property, within this process.

    The database alone decides who gets a night; but whoever waits for another's transaction there keeps a connection
    busy, and sixty-four who want the same weekend would keep all of them. Waiting here costs nothing.
    """

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(STRIPES)]

    def of(self, property_id: UUID) -> asyncio.Lock:
        """The lock of a property; properties may share one."""
        return self._locks[property_id.int % STRIPES]
