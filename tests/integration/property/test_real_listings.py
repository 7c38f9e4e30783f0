"""Searching among real listings gives what a look at the listings themselves gives."""

from collections.abc import AsyncIterator

import pytest

from kerya.property.v1 import property_pb2
from kerya.property.v1 import property_service_pb2 as pb
from services.property.domain.words import fold
from tests.integration.property.real_listings import FOLDER, albany, algerian_lodging
from tests.integration.property.stand import Amenity, Stand, box, money

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real listings: {FOLDER} is absent")
Order = pb.SearchPropertiesRequest.OrderBy
ALBANY = {"box": box(42.4, -74.1, 42.9, -73.5), "page_size": 100}


@pytest.fixture(scope="module")
async def real(stand: Stand) -> AsyncIterator[dict[str, property_pb2.Property]]:
    host = stand.person()
    made = {}
    for listing in (*albany(80), *algerian_lodging(60)):
        created = await stand.call("CreateProperty", pb.CreatePropertyRequest(property=listing), host)
        request = pb.PublishPropertyRequest(property_id=created.property_id)
        made[created.property_id] = await stand.call("PublishProperty", request, host)
    yield made
    for property_id in made:
        await stand.call("DeleteProperty", pb.DeletePropertyRequest(property_id=property_id), host)


def those(real: dict[str, property_pb2.Property], country: str) -> dict[str, property_pb2.Property]:
    return {name: one for name, one in real.items() if one.area.country_code == country}


async def test_filters_agree_with_the_listings(stand: Stand, real: dict[str, property_pb2.Property]) -> None:
    there = those(real, "US")
    found = await stand.ids(
        **ALBANY,
        guest_count=3,
        amenities=[Amenity.WIFI, Amenity.KITCHEN],
        currency_code="USD",
        max_price=money(120, "USD"),
    )
    expected = {
        name
        for name, one in there.items()
        if one.max_guests >= 3
        and {Amenity.WIFI, Amenity.KITCHEN} <= set(one.amenities)
        and one.rates.nightly_price.units <= 120
    }
    assert 3 < len(expected) < len(there)
    assert set(found) == expected


async def test_the_price_order_is_the_order_of_prices(stand: Stand, real: dict[str, property_pb2.Property]) -> None:
    pages = await stand.pages(**(ALBANY | {"page_size": 7}), currency_code="USD", order_by=Order.PRICE_ASCENDING)
    prices = [card.nightly_price.units for page in pages for card in page]
    assert prices == sorted(one.rates.nightly_price.units for one in those(real, "US").values())


async def test_every_hotel_is_found_by_its_name_in_either_script(
    stand: Stand, real: dict[str, property_pb2.Property]
) -> None:
    algerian = those(real, "DZ")
    assert len(algerian) == 60
    missed = []
    for property_id, one in algerian.items():
        for name in (one.title, one.description):
            if property_id not in await stand.ids(query=name[:200], page_size=100):
                missed.append((name, fold(name)))
    assert missed == []


async def test_a_wilaya_is_the_same_place_in_either_script(
    stand: Stand, real: dict[str, property_pb2.Property]
) -> None:
    algerian = those(real, "DZ")
    for city, arabic in {(one.area.city, one.area.other_names[0]) for one in algerian.values()}:
        there = {name for name, one in algerian.items() if one.area.city == city}
        for spelling in (city, city.upper(), arabic):
            assert there <= set(await stand.ids(query=spelling, page_size=100)), spelling
