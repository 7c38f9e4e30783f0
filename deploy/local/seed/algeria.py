"""Algeria's hotels, hostels, guest houses and flats, from OpenStreetMap (`dz_lodging_osm.csv.gz`), placed in the nearest
commune (`dz_communes.csv.gz`). The map knows neither prices nor beds; those are made from the place's id, the same
every time."""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.seed.listing import Listing

KINDS = {
    "hotel": "HOTEL_ROOM",
    "motel": "HOTEL_ROOM",
    "hostel": "HOSTEL",
    "guest_house": "GUEST_HOUSE",
    "apartment": "APARTMENT",
    "chalet": "CHALET",
    "alpine_hut": "CHALET",
}
# Dinars a night, lowest and highest.
PRICES = {
    "HOTEL_ROOM": (4500, 22000),
    "HOSTEL": (900, 3000),
    "GUEST_HOUSE": (3000, 12000),
    "APARTMENT": (4000, 15000),
    "CHALET": (5000, 18000),
}
EXTRAS = ("WIFI", "AIR_CONDITIONING", "HEATING", "FREE_PARKING", "BREAKFAST", "HOT_WATER", "PRAYER_SPACE", "WATER_TANK",
          "TV", "LINEN", "TOWELS", "KITCHEN", "FAMILY_FRIENDLY", "RECEPTION")  # fmt: skip


@dataclass(frozen=True)
class Commune:
    """A commune and its wilaya, in both scripts."""

    name_fr: str
    name_ar: str
    wilaya_fr: str
    wilaya_ar: str
    latitude: float
    longitude: float

    def distance(self, latitude: float, longitude: float) -> float:
        """Comparable, not metres: the earth is flat enough around a commune."""
        shrink = math.cos(math.radians(latitude))
        return (self.latitude - latitude) ** 2 + ((self.longitude - longitude) * shrink) ** 2


def communes(path: Path) -> list[Commune]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [
            Commune(
                row["name_fr"],
                row["name_ar"],
                row["wilaya_fr"],
                row["wilaya_ar"],
                float(row["latitude"]),
                float(row["longitude"]),
            )
            for row in csv.DictReader(file)
            if row["latitude"] and row["longitude"]
        ]


def read(lodging: Path, places: list[Commune]) -> Iterator[Listing]:
    """The file's places."""
    with gzip.open(lodging, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            latitude, longitude = float(row["lat"]), float(row["lng"])
            near = min(places, key=lambda place: place.distance(latitude, longitude))
            yield _listing(row, near, latitude, longitude)


def _listing(row: dict[str, str], near: Commune, latitude: float, longitude: float) -> Listing:
    kind = KINDS.get(row["type"], "GUEST_HOUSE")
    chance = Chance(row["id"])
    low, high = PRICES[kind]
    guests = chance.between(1, 6)
    names = [name for name in (row["name_fr"], row["name_ar"], row["name"]) if name]
    return Listing(
        key=row["id"],
        host_key=f"osm-{chance.between(0, 199)}",
        title=row["name"] or f"{near.name_fr} {row['type'].replace('_', ' ')}",
        description=_description(row, near),
        kind=kind,
        city=near.name_fr,
        region=near.wilaya_fr,
        country_code="DZ",
        other_names=(near.name_ar, near.wilaya_ar, *names),
        latitude=latitude,
        longitude=longitude,
        time_zone="Africa/Algiers",
        max_guests=guests,
        bedrooms=max(1, guests // 2),
        beds=guests,
        bathrooms=1,
        amenities=tuple(extra for extra in EXTRAS if chance.between(0, 2) > 0),
        nightly_price=chance.between(low // 100, high // 100) * 100,
        currency="DZD",
        min_nights=1,
        max_nights=60,
        instant_book=chance.between(0, 3) > 0,
    )


def _description(row: dict[str, str], near: Commune) -> str:
    stars = f" {row['stars']}★." if row["stars"] else ""
    address = f" {row['address']}." if row["address"] else ""
    return (
        f"{row['name'] or near.name_fr}, à {near.name_fr}, wilaya de {near.wilaya_fr}.{stars}{address}\n"
        f"{row['name_ar'] or near.name_ar}، {near.name_ar}، ولاية {near.wilaya_ar}."
    )


class Chance:
    """Numbers that follow from a key: the same in every run and on every machine."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def between(self, low: int, high: int) -> int:
        """From low to high, both included."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._key}/{self._drawn}".encode()).digest()
        return low + int.from_bytes(digest[:8]) % (high - low + 1)
