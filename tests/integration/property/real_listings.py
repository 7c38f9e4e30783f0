"""Real listings as properties, from the data folder beside the repository where there is one; see its README."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from kerya.property.v1 import property_pb2
from tests.integration.property.stand import Amenity, Kind, money

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data"
AMENITIES = {
    "Wifi": Amenity.WIFI, "Kitchen": Amenity.KITCHEN, "Air conditioning": Amenity.AIR_CONDITIONING,
    "Heating": Amenity.HEATING, "Washer": Amenity.WASHER, "Dryer": Amenity.DRYER, "TV": Amenity.TV,
    "Hair dryer": Amenity.HAIR_DRYER, "Iron": Amenity.IRON, "Hot water": Amenity.HOT_WATER,
    "Smoke alarm": Amenity.SMOKE_ALARM, "Free street parking": Amenity.FREE_PARKING, "Gym": Amenity.GYM,
}  # fmt: skip
KINDS = {"Private room": Kind.PRIVATE_ROOM, "Shared room": Kind.SHARED_ROOM, "Hotel room": Kind.HOTEL_ROOM}


def albany(most: int) -> Iterator[property_pb2.Property]:
    """Listings with descriptions, amenities and prices in US dollars."""
    priced = (row for row in _rows("listings_albany.csv.gz") if row["price"])
    for row in islice(priced, most):
        amenities = {AMENITIES[name] for name in json.loads(row["amenities"]) if name in AMENITIES}
        made = property_pb2.Property(
            title=row["name"][:120],
            description=row["description"][:5000].strip() or row["name"],
            kind=KINDS.get(row["room_type"], Kind.APARTMENT),
            max_guests=int(row["accommodates"]),
            amenities=sorted(amenities),
            time_zone="America/New_York",
        )
        _place(made, float(row["latitude"]), float(row["longitude"]), "Albany", "US", row["neighbourhood"])
        made.rates.nightly_price.CopyFrom(money(int(float(row["price"])), "USD"))
        yield made


def algerian_lodging(most: int) -> Iterator[property_pb2.Property]:
    """Hotels and guest houses with names in two scripts, in wilayas with names in two scripts."""
    wilayas = {row["code"].zfill(2): row for row in _rows("dz_wilayas.csv.gz")}
    lodging = (row for row in _rows("dz_lodging_osm.csv.gz") if row["name"] and row["name_ar"])
    for row in islice(lodging, most):
        wilaya = wilayas[row["wilaya_code"].zfill(2)]
        made = property_pb2.Property(title=row["name"][:120], description=row["name_ar"], max_guests=2)
        _place(made, float(row["lat"]), float(row["lng"]), wilaya["name_fr"], "DZ", wilaya["name_ar"])
        made.rates.nightly_price.CopyFrom(money(6000))
        yield made


def _place(
    made: property_pb2.Property, latitude: float, longitude: float, city: str, country: str, *names: str
) -> None:
    made.location.city, made.location.country_code = city, country
    made.location.other_names.extend(name[:100] for name in names if name)
    made.location.point.latitude, made.location.point.longitude = latitude, longitude


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(FOLDER / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
