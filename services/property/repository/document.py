"""The search document of a published property: how its row in `listing` is made, and read."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, literal, literal_column

from services.property.domain.geo import Point, cell
from services.property.domain.listing import Listing, quality
from services.property.domain.property import Property
from services.property.domain.words import fold
from services.property.repository import rows

# A listing, and a query, may be in any of the house's languages or mix them; the words of each are tried in all.
LANGUAGES: Final = ("simple", "french", "arabic", "english")


def document(of: Property) -> dict[str, Any]:
    """The columns of `listing`; `of` is complete."""
    assert of.area_point is not None and of.rates is not None and of.published_at is not None  # what publishing checks
    details, location, area = of.details, of.location, of.area_point
    places = (location.city, location.region, *location.other_names)
    x, y, z = area.on_sphere()
    headline = _words(("A", details.title), ("B", " ".join(places)))
    return {
        "property_id": of.property_id,
        "kind": details.kind,
        "title": details.title,
        "city": location.city,
        "region": location.region,
        "country_code": location.country_code,
        "other_names": list(location.other_names),
        "latitude": area.latitude,
        "longitude": area.longitude,
        "cell": cell(area),
        "x": x,
        "y": y,
        "z": z,
        "max_guests": details.max_guests,
        "bedroom_count": details.bedroom_count,
        "bed_count": details.bed_count,
        "bathroom_count": details.bathroom_count,
        "amenities": list(details.amenities),
        **rows.of_rates(of.rates),
        "instant_book": details.instant_book,
        "quality": quality(details, location),
        "published_at": of.published_at,
        "headline": headline,
        "words": headline.op("||")(_words(("C", details.description))),
    }


def _words(*texts: tuple[str, str]) -> ColumnElement[Any]:
    weighted = [
        func.setweight(func.to_tsvector(language(name), literal(fold(text))), literal_column(f"'{weight}'"))
        for weight, text in texts
        for name in LANGUAGES
    ]
    vector: ColumnElement[Any] = weighted[0]
    for part in weighted[1:]:
        vector = vector.op("||")(part)
    return vector


def language(name: str) -> ColumnElement[Any]:
    """A text search configuration."""
    return literal_column(f"'{name}'::regconfig")


def to_listing(row: Row[Any]) -> Listing:
    """From a row of `listing`."""
    return Listing(
        property_id=row.property_id,
        kind=row.kind,
        title=row.title,
        city=row.city,
        region=row.region,
        country_code=row.country_code,
        other_names=tuple(row.other_names),
        point=Point(row.latitude, row.longitude),
        max_guests=row.max_guests,
        bedroom_count=row.bedroom_count,
        bed_count=row.bed_count,
        bathroom_count=row.bathroom_count,
        amenities=tuple(row.amenities),
        rates=rows.to_rates(row, version=0),
        instant_book=row.instant_book,
    )
