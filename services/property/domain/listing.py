"""The public face of a property: all that searching reads, and nothing that is the host's secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.property.domain.geo import Point
from services.property.domain.property import Details, Location, Property
from services.property.domain.rates import Rates


@dataclass(frozen=True, slots=True)
class Listing:
    """`point` is the veiled one; not given for drafts without a place."""

    property_id: UUID
    kind: int
    title: str
    city: str
    region: str
    country_code: str
    other_names: tuple[str, ...]
    point: Point | None
    max_guests: int
    bedroom_count: int
    bed_count: int
    bathroom_count: int
    amenities: tuple[int, ...]
    rates: Rates | None
    instant_book: bool

    @classmethod
    def of(cls, of: Property) -> Listing:
        """What everybody may see of a property."""
        details, location = of.details, of.location
        return cls(
            property_id=of.property_id,
            kind=details.kind,
            title=details.title,
            city=location.city,
            region=location.region,
            country_code=location.country_code,
            other_names=location.other_names,
            point=of.area_point,
            max_guests=details.max_guests,
            bedroom_count=details.bedroom_count,
            bed_count=details.bed_count,
            bathroom_count=details.bathroom_count,
            amenities=details.amenities,
            rates=of.rates,
            instant_book=details.instant_book,
        )


LONG_DESCRIPTION: Final = 400
MANY_AMENITIES: Final = 12


def quality(details: Details, location: Location) -> int:
    """How full a listing is, 0 to 100: what decides between listings that match a search alike.

    Every part is something its host can mend, so that the order can be explained to the host.
    """
    parts = (
        (35, min(len(details.description) / LONG_DESCRIPTION, 1.0)),
        (30, min(len(details.amenities) / MANY_AMENITIES, 1.0)),
        (10, bool(details.bedroom_count or details.bed_count)),
        (5, bool(details.bathroom_count)),
        (5, bool(details.kind)),
        (5, bool(location.region)),
        (10, details.instant_book),
    )
    return round(sum(weight * share for weight, share in parts))
