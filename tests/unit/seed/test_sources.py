"""What the sources say becomes properties that the contract takes."""

from __future__ import annotations

import csv
import gzip
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import protovalidate
import pytest
from google.protobuf import json_format

from deploy.local.seed import generated
from deploy.local.seed.listing import Listing
from deploy.local.seed.sources import found, listings
from deploy.local.seed.state import SeedState
from kerya.property.v1.property_service_pb2 import CreatePropertyRequest

SHARED = Path(__file__).parents[4] / "shared" / "data"
AIRBNB = {
    "listing_key": "k1", "host_key": "h1", "name": "Loft\u0000 du\nport", "description": "Beau.\r\nCalme.", "city": "Québec",
    "country": "CA", "neighborhood_overview": "", "neighbourhood": "Lairet", "latitude": "46.8", "longitude": "-71.2",
    "property_type": "Entire loft", "room_type": "Entire home/apt", "accommodates": "2", "bathrooms_text": "1.5 baths",
    "bedrooms": "", "beds": "1", "price": "109999.00", "minimum_nights": "1125", "maximum_nights": "2",
    "instant_bookable": "t", "amenities": '["Hair dryer", "Dishwasher", "Wifi – 50 Mbps", "Pocket wifi"]',
}  # fmt: skip


def accepted(listing: Listing) -> CreatePropertyRequest:
    """The listing as the API reads it; raises where the contract refuses it."""
    body = orjson.loads(orjson.dumps(listing.body()))
    request = json_format.ParseDict({"property": body}, CreatePropertyRequest())
    protovalidate.validate(request)
    return request


def write(path: Path, *rows: dict[str, str]) -> None:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_generated_listings_are_the_same_every_time_and_valid() -> None:
    first, again = list(islice(generated.read(), 300)), list(islice(generated.read(), 300))
    assert first == again and len({listing.key for listing in first}) == 300
    for listing in first:
        accepted(listing)


def test_absurd_values_are_brought_into_bounds_and_words_are_whole(tmp_path: Path) -> None:
    write(tmp_path / "listings_quebec.csv.gz", AIRBNB, AIRBNB | {"listing_key": "k2", "price": ""})
    (listing,) = listings(found(tmp_path), None)
    request = accepted(listing)
    assert request.property.title == "Loft du port"
    assert request.property.description == "Beau.\nCalme."
    assert (request.property.rates.min_nights, request.property.rates.max_nights) == (365, 365)
    assert request.property.rates.nightly_price.currency_code == "CAD"
    assert listing.amenities == ("HAIR_DRYER", "DISHWASHER", "WIFI")
    assert listing.kind == "STUDIO"


def test_a_place_of_the_map_is_put_into_the_nearest_commune(tmp_path: Path) -> None:
    commune = {"code_commune": "1", "wilaya_code": "16", "daira": "", "postal_code": ""}
    write(
        tmp_path / "dz_communes.csv.gz",
        commune
        | {
            "name_fr": "Oran",
            "name_ar": "وهران",
            "wilaya_fr": "Oran",
            "wilaya_ar": "وهران",
            "latitude": "35.69",
            "longitude": "-0.63",
        },
        commune
        | {
            "name_fr": "Bab El Oued",
            "name_ar": "باب الوادي",
            "wilaya_fr": "Alger",
            "wilaya_ar": "الجزائر",
            "latitude": "36.79",
            "longitude": "3.05",
        },
    )
    place = {
        "id": "lodging-7",
        "name": "",
        "name_fr": "",
        "name_ar": "",
        "type": "guest_house",
        "stars": "",
        "address": "",
    }
    write(tmp_path / "dz_lodging_osm.csv.gz", place | {"lat": "36.78", "lng": "3.06"})
    (listing,) = listings(found(tmp_path), 1)
    assert (listing.city, listing.region, listing.country_code, listing.kind) == (
        "Bab El Oued",
        "Alger",
        "DZ",
        "GUEST_HOUSE",
    )
    assert "باب الوادي" in listing.other_names
    accepted(listing)


def test_sources_take_turns_and_the_generator_fills_up(tmp_path: Path) -> None:
    write(tmp_path / "listings_a.csv.gz", AIRBNB, AIRBNB | {"listing_key": "k2"})
    write(tmp_path / "listings_b.csv.gz", AIRBNB | {"listing_key": "k3"})
    keys = [listing.key for listing in listings(found(tmp_path), 5)]
    assert keys == ["k1", "k3", "k2", "generated-0", "generated-1"]
    assert found(tmp_path / "nothing") is None
    assert len(listings(None, None)) == 200


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real files are not here")
def test_the_real_files_are_taken(tmp_path: Path) -> None:
    real = listings(found(SHARED), 150)
    assert len({listing.country_code for listing in real}) == 4
    for listing in real:
        accepted(listing)


def test_a_run_goes_on_where_the_last_one_was_broken_off(tmp_path: Path) -> None:
    path = tmp_path / "seed" / "state.jsonl"
    first = SeedState(path, "aaaa")
    first.add_created("k1", "property_1")
    first.add_host("host-1", "refresh-1")
    first.add_host("host-1", "refresh-2")
    first.close()
    with path.open("ab") as file:
        file.write(b'{"published": "k')  # torn by a power cut
    again = SeedState(path, "bbbb")
    assert (again.namespace, again.created, again.published) == ("aaaa", {"k1": "property_1"}, set())
    assert again.hosts == {"host-1": "refresh-2"}
    again.add_published("k1")
    again.close()
    assert SeedState(path, "cccc").published == {"k1"}
    assert again.key("create", "k1") == first.key("create", "k1") != again.key("publish", "k1")
    assert path.stat().st_mode & 0o077 == 0


async def test_the_loader_waits_when_told_to_and_creates_once() -> None:
    import httpx

    from deploy.local.seed.api import Api, Refused

    calls: list[tuple[str, str]] = []
    answers: list[httpx.Response | Exception] = [
        httpx.Response(429, headers={"retry-after": "0"}),
        httpx.ConnectError("down"),
        httpx.Response(200, json={"propertyId": "p"}),
        httpx.Response(400, text="no"),
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append((request.url.path, request.headers["idempotency-key"]))
        found: Any = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async with httpx.AsyncClient(base_url="https://edge", transport=httpx.MockTransport(answer)) as client:
        api = Api(client)
        assert await api.post("/v1/properties", {}, "key-1") == {"propertyId": "p"}
        assert calls == [("/v1/properties", "key-1")] * 3 and api.waits == 2
        with pytest.raises(Refused, match="400: no"):
            await api.post("/v1/properties", {}, "key-2")
