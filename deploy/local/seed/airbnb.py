"""Listings of Inside Airbnb (`listings_*.csv.gz`, 45 columns): Québec, Singapore, Albany."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import orjson

from deploy.local.seed.listing import Listing

CURRENCIES = {"CA": "CAD", "SG": "SGD", "US": "USD"}
TIME_ZONES = {"CA": "America/Toronto", "SG": "Asia/Singapore", "US": "America/New_York"}
# Asked for longer stays than an API of nights can hold, or priced as a joke: kept, within the API's bounds.
MAX_PRICE = 1_000_000
KINDS = (
    ("shared room", "SHARED_ROOM"), ("hostel", "HOSTEL"), ("hotel", "HOTEL_ROOM"), ("bed and breakfast", "GUEST_HOUSE"),
    ("guesthouse", "GUEST_HOUSE"), ("guest suite", "GUEST_HOUSE"), ("private room", "PRIVATE_ROOM"), ("villa", "VILLA"),
    ("chalet", "CHALET"), ("cabin", "CHALET"), ("cottage", "CHALET"), ("farm", "FARM_STAY"), ("tent", "CAMP"),
    ("camp", "CAMP"), ("yurt", "CAMP"), ("loft", "STUDIO"), ("studio", "STUDIO"), ("house", "HOUSE"),
    ("bungalow", "HOUSE"),
)  # fmt: skip
AMENITIES = (
    ("wifi", "WIFI"), ("kitchen", "KITCHEN"), ("air conditioning", "AIR_CONDITIONING"), ("heating", "HEATING"),
    ("washer", "WASHER"), ("dryer", "DRYER"), ("tv", "TV"), ("workspace", "WORKSPACE"), ("free parking", "FREE_PARKING"),
    ("paid parking", "PAID_PARKING"), ("ev charger", "EV_CHARGER"), ("pool", "POOL"), ("hot tub", "HOT_TUB"),
    ("gym", "GYM"), ("garden", "GARDEN"), ("backyard", "GARDEN"), ("patio", "TERRACE"), ("balcony", "TERRACE"),
    ("bbq", "BARBECUE"), ("fireplace", "FIREPLACE"), ("waterfront", "WATERFRONT"), ("beachfront", "WATERFRONT"),
    ("elevator", "LIFT"), ("crib", "COT"), ("high chair", "HIGH_CHAIR"), ("pets allowed", "PETS_ALLOWED"),
    ("smoking allowed", "SMOKING_ALLOWED"), ("breakfast", "BREAKFAST"), ("bed linens", "LINEN"),
    ("essentials", "TOWELS"), ("hot water", "HOT_WATER"), ("iron", "IRON"), ("hair dryer", "HAIR_DRYER"),
    ("shampoo", "TOILETRIES"), ("coffee maker", "COFFEE_MAKER"), ("microwave", "MICROWAVE"),
    ("dishwasher", "DISHWASHER"), ("lockbox", "SELF_CHECK_IN"), ("keypad", "SELF_CHECK_IN"),
    ("smart lock", "SELF_CHECK_IN"), ("building staff", "RECEPTION"), ("safe", "SAFE"), ("smoke alarm", "SMOKE_ALARM"),
    ("carbon monoxide alarm", "CARBON_MONOXIDE_ALARM"), ("fire extinguisher", "FIRE_EXTINGUISHER"),
    ("first aid kit", "FIRST_AID_KIT"), ("security cameras", "EXTERIOR_CAMERAS"),
)  # fmt: skip


def read(path: Path) -> Iterator[Listing]:
    """The file's listings that can be published: with a price and a description."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["price"] and row["description"].strip() and row["name"].strip():
                yield _listing(row)


def _listing(row: dict[str, str]) -> Listing:
    overview = row["neighborhood_overview"].strip()
    return Listing(
        key=row["listing_key"],
        host_key=row["host_key"],
        title=row["name"],
        description=f"{row['description']}\n\n{overview}" if overview else row["description"],
        kind=_kind(f"{row['property_type']} {row['room_type']}".lower()),
        city=row["city"],
        region=row["neighbourhood"],
        country_code=row["country"],
        other_names=(row["neighbourhood"],),
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        time_zone=TIME_ZONES[row["country"]],
        max_guests=_number(row["accommodates"], 2),
        bedrooms=_number(row["bedrooms"], 0),
        beds=_number(row["beds"], 1),
        bathrooms=_number(row["bathrooms_text"], 1),
        amenities=_amenities(orjson.loads(row["amenities"] or "[]")),
        nightly_price=max(1, min(MAX_PRICE, round(float(row["price"])))),
        currency=CURRENCIES[row["country"]],
        min_nights=_number(row["minimum_nights"], 1),
        max_nights=_number(row["maximum_nights"], 365),
        instant_book=row["instant_bookable"] == "t",
    )


def _kind(description: str) -> str:
    return next((kind for word, kind in KINDS if word in description), "APARTMENT")


def _amenities(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(amenity for name in names for amenity in _known(name)))


@cache
def _known(name: str) -> tuple[str, ...]:
    """What a name of the source means here: whole words, so that a dishwasher is no washer; a hair dryer dries no
    clothes."""
    words = re.sub(r"[^a-z ]", " ", name.lower())
    found = (amenity for word, amenity in AMENITIES if re.search(rf"\b{word}\b", words))
    return tuple(amenity for amenity in found if not (amenity == "DRYER" and "hair" in words))


def _number(value: str, default: int) -> int:
    match = re.search(r"\d+", value)
    return int(match[0]) if match else default
