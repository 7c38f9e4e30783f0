"""One listing to load, and how it reads as the API's property."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MAX_TITLE = 120
MAX_DESCRIPTION = 10_000
MAX_NAME = 100


@dataclass(frozen=True)
class Listing:
    """`key` is the source's own and stays the same from run to run; so is `host_key`. Prices in whole units."""

    key: str
    host_key: str
    title: str
    description: str
    kind: str
    city: str
    region: str
    country_code: str
    other_names: tuple[str, ...]
    latitude: float
    longitude: float
    time_zone: str
    max_guests: int
    bedrooms: int
    beds: int
    bathrooms: int
    amenities: tuple[str, ...]
    nightly_price: int
    currency: str
    min_nights: int
    max_nights: int
    instant_book: bool

    def body(self) -> dict[str, Any]:
        """What POST /v1/properties takes."""
        return {
            "kind": self.kind,
            "title": line(self.title, MAX_TITLE),
            "description": text(self.description)[:MAX_DESCRIPTION],
            "location": {
                "city": line(self.city, MAX_NAME),
                "region": line(self.region, MAX_NAME),
                "countryCode": self.country_code,
                "otherNames": [name for name in dict.fromkeys(line(n, MAX_NAME) for n in self.other_names) if name],
                "point": {"latitude": self.latitude, "longitude": self.longitude},
            },
            "maxGuests": clamp(self.max_guests, 1, 100),
            "bedroomCount": clamp(self.bedrooms, 0, 100),
            "bedCount": clamp(self.beds, 0, 200),
            "bathroomCount": clamp(self.bathrooms, 0, 100),
            "amenities": list(self.amenities),
            "rates": {
                "nightlyPrice": {"currencyCode": self.currency, "units": str(self.nightly_price)},
                "minNights": clamp(self.min_nights, 1, 365),
                "maxNights": clamp(self.max_nights, clamp(self.min_nights, 1, 365), 365),
            },
            "cancellationPolicy": "FLEXIBLE",
            "instantBook": self.instant_book,
            "timeZone": self.time_zone,
        }


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def line(value: str, limit: int) -> str:
    """One line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:limit].strip()


def text(value: str) -> str:
    """Text with its line breaks, without other control characters."""
    return "".join(c for c in value.replace("\r\n", "\n") if c.isprintable() or c in "\n\t").strip()
