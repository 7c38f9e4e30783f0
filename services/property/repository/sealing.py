"""The host's secret of a location, encrypted at rest."""

from __future__ import annotations

import json
from uuid import UUID

from services.chassis.crypto import FieldCipher, Place
from services.property.domain.geo import Point
from services.property.domain.property import Location


class LocationSeal:
    """Seals street, postal code and exact point as one value, bound to their property's row."""

    def __init__(self, cipher: FieldCipher) -> None:
        self._cipher = cipher

    def close(self, property_id: UUID, location: Location) -> bytes:
        """The sealed secret."""
        point = [location.point.latitude, location.point.longitude] if location.point else None
        secret = json.dumps([location.street_address, location.postal_code, point], separators=(",", ":"))
        return self._cipher.encrypt(secret.encode(), _place(property_id))

    def open(self, property_id: UUID, sealed: bytes) -> Location:
        """A location with the secret parts alone. Raises DecryptionFailed."""
        street, postal_code, point = json.loads(self._cipher.decrypt(sealed, _place(property_id)))
        return Location(street_address=street, postal_code=postal_code, point=Point(*point) if point else None)


def _place(property_id: UUID) -> Place:
    return Place("property", "location_sealed", str(property_id))
