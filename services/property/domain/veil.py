"""The privacy of a location: everybody sees a point near the door, and always the same one."""

from __future__ import annotations

import hashlib
import hmac
from math import sqrt
from typing import Final
from uuid import UUID

from services.property.domain.geo import FULL_TURN, Point

RADIUS_M: Final = 1000
# A point that happened to fall on the door would be no veil at all.
NEAREST_M: Final = 200
# Rounded up to this many degrees' digits (about 1 m), the veiled point must still be within the radius.
MARGIN_M: Final = 2
DIGITS: Final = 5


class Veil:
    """Moves points by a distance and a direction that follow from a secret key and the property's id.

    It is no noise: asking again, in whatever way, meets the same point, so that there is nothing to average.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def cover(self, property_id: UUID, point: Point) -> Point:
        """The public point, between 200 m and 1 km from the true one; evenly spread over that ring."""
        digest = hmac.digest(self._key, property_id.bytes, hashlib.sha256)
        turn, reach = (int.from_bytes(digest[at : at + 8]) / 2**64 for at in (0, 8))
        outer, inner = (RADIUS_M - MARGIN_M) ** 2, (NEAREST_M + MARGIN_M) ** 2
        moved = point.moved(sqrt(inner + reach * (outer - inner)), turn * FULL_TURN)
        return Point(round(moved.latitude, DIGITS), round(moved.longitude, DIGITS))
