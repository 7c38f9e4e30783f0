"""Searching over gRPC: by words in three scripts, place, dates, price and features; page by page."""

import asyncio
from datetime import date, timedelta

import pytest
from google.type import money_pb2

from kerya.property.v1 import property_service_pb2 as pb
from tests.integration.property.stand import Amenity, Kind, Refused, Stand, at, box, day, listing, money

Order = pb.SearchPropertiesRequest.OrderBy
TODAY = date.today()
ALL_ORDERS = [Order.RELEVANCE, Order.PRICE_ASCENDING, Order.PRICE_DESCENDING, Order.DISTANCE, Order.NEWEST]


async def test_words_are_found_in_three_scripts_and_every_spelling(stand: Stand) -> None:
    host = stand.person()
    mine = await stand.publish(
        host,
        41.1,
        -70.1,
        title="Appartement lumineux à Béjaïa",
        description="Deux chambres, près des plages. شقة جميلة قرب البحر. Quiet flats with balconies.",
        city="Béjaïa",
        other_names=("بجاية", "Bgayet"),
    )
    around = {"center": at(41.1, -70.1), "radius_meters": 5000}
    for words in (
        "bejaia", "BÉJAÏA", "بجاية", "بجايه", "bgayet", "appartements lumineux", "chambre plage", "quiet balcony",
        "شقة جميله", "الشقة", "flat bejaia",
    ):  # fmt: skip
        assert await stand.ids(query=words, **around) == [mine.property_id], words
    for words in ("oran", "villa bejaia", "!!!"):
        assert await stand.ids(query=words, **around) == [], words


async def test_titles_come_before_places_and_places_before_descriptions(stand: Stand) -> None:
    host = stand.person()
    described = await stand.publish(host, title="Un", description="Voir Zqtimgad en été.", amenities=list(range(1, 13)))
    placed = await stand.publish(host, title="Deux", other_names=("Zqtimgad",))
    entitled = await stand.publish(host, title="Zqtimgad trois")
    found = [described.property_id, placed.property_id, entitled.property_id]
    assert await stand.ids(query="zqtimgad") == found[::-1]
    assert [[card.property_id for card in page] for page in await stand.pages(query="zqtimgad", page_size=1)] == [
        [one] for one in found[::-1]
    ]
    assert [[card.property_id for card in page] for page in await stand.pages(query="zqtimgad", page_size=2)] == [
        found[:0:-1],
        [found[0]],
    ]


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE listing; --", "*", "a:* & !b | (c <-> d)", "%", "\\", "title:^9 AND (x OR y)", "٪؟؟"]
)
async def test_a_query_is_words_and_never_a_language(stand: Stand, query: str) -> None:
    await stand.search(query=query)
    assert await stand.database.fetchval("SELECT count(*) >= 0 FROM listing")


async def test_a_box_across_the_antimeridian(stand: Stand) -> None:
    host = stand.person()
    west = (await stand.publish(host, -17.0, 179.5, title="Taveuni west")).property_id
    east = (await stand.publish(host, -17.0, -179.5, title="Taveuni east")).property_id
    await stand.publish(host, -17.0, 170.0, title="Elsewhere")
    assert set(await stand.ids(box=box(-18, 179, -16, -179))) == {west, east}
    assert await stand.ids(box=box(-18, 179, -16, 180)) == [west]
    assert await stand.ids(box=box(-18, -180, -16, -179)) == [east]
    near = await stand.search(center=at(-17.0, 180.0), radius_meters=100_000, order_by=Order.DISTANCE)
    assert {card.property_id for card in near.properties} == {west, east}
    assert all(50_000 < card.distance_meters < 56_000 for card in near.properties)


async def test_a_radius_holds_what_is_shown_within_it(stand: Stand) -> None:
    host = stand.person()
    for step in range(8):
        await stand.publish(host, 51.0 + step * 0.03, 10.0, title=f"Step {step}")
    center = at(51.0, 10.0)
    everything = await stand.search(center=center, radius_meters=50_000, order_by=Order.DISTANCE)
    distances = [card.distance_meters for card in everything.properties]
    assert len(distances) == 8 and distances == sorted(distances)
    bound = (distances[3] + distances[4]) // 2
    within = await stand.search(center=center, radius_meters=bound, order_by=Order.DISTANCE)
    assert [card.distance_meters for card in within.properties] == distances[:4]
    assert not (await stand.search(box=box(50.9, 9.9, 51.3, 10.1))).properties[0].HasField("distance_meters")


async def test_price_guests_amenities_kinds_and_instant_booking(stand: Stand) -> None:
    host = stand.person()

    async def place(**fields: object) -> str:
        return (await stand.publish(host, 46.0, 14.0, **fields)).property_id

    small = await place(nightly=3000, max_guests=2, amenities=[Amenity.WIFI])
    large = await place(nightly=9000, max_guests=6, amenities=[Amenity.WIFI, Amenity.POOL], kind=Kind.VILLA)
    foreign = await place(nightly=60, currency="EUR", max_guests=4, instant_book=True)
    here = {"box": box(45.9, 13.9, 46.1, 14.1)}
    priced = {**here, "currency_code": "DZD"}

    assert set(await stand.ids(**here)) == {small, large, foreign}
    assert set(await stand.ids(**priced)) == {small, large}
    assert await stand.ids(**priced, max_price=money_pb2.Money(units=3000)) == [small]
    assert await stand.ids(**priced, min_price=money(3001)) == [large]
    assert await stand.ids(**priced, order_by=Order.PRICE_ASCENDING) == [small, large]
    assert await stand.ids(**priced, order_by=Order.PRICE_DESCENDING) == [large, small]
    assert set(await stand.ids(**here, guest_count=4)) == {large, foreign}
    assert set(await stand.ids(**here, amenities=[Amenity.WIFI])) == {small, large}
    assert await stand.ids(**here, amenities=[Amenity.POOL, Amenity.WIFI]) == [large]
    assert set(await stand.ids(**here, kinds=[Kind.VILLA, Kind.HOUSE])) == {large}
    assert await stand.ids(**here, instant_book=True) == [foreign]
    assert await stand.ids(**here, order_by=Order.NEWEST) == [foreign, large, small]


async def test_dates_show_only_stays_that_are_allowed_and_what_they_cost(stand: Stand) -> None:
    host = stand.person()
    short = (await stand.publish(host, 47.0, 15.0, weekend=8000, max_nights=3)).property_id
    long = (await stand.publish(host, 47.0, 15.0, min_nights=7)).property_id
    friday = TODAY + timedelta(days=28 + (4 - TODAY.weekday()) % 7)
    here = {"box": box(46.9, 14.9, 47.1, 15.1)}

    def stay(nights: int) -> dict[str, object]:
        return {**here, "check_in_date": day(friday), "check_out_date": day(friday + timedelta(days=nights))}

    found = await stand.search(**stay(3))
    assert [card.property_id for card in found.properties] == [short]
    assert found.properties[0].estimated_total_price == money(8000 + 8000 + 5000)
    assert await stand.ids(**stay(7)) == [long]
    assert await stand.ids(**stay(4)) == []


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"currency_code": "DZD", "min_price": money(-1)}, "INVALID_REQUEST"),
        ({"currency_code": "DZD", "max_price": money(5, "EUR")}, "CURRENCY_MISMATCH"),
        ({"currency_code": "XTS", "max_price": money_pb2.Money(units=5)}, "CURRENCY_UNSUPPORTED"),
        ({"currency_code": "JPY", "max_price": money_pb2.Money(units=5, nanos=1)}, "AMOUNT_TOO_FINE"),
        ({"max_price": money(5)}, "INVALID_REQUEST"),
        ({"order_by": Order.PRICE_ASCENDING}, "INVALID_REQUEST"),
        ({"order_by": Order.DISTANCE}, "INVALID_REQUEST"),
        ({"order_by": 99}, "INVALID_REQUEST"),
        ({"radius_meters": 100}, "INVALID_REQUEST"),
        ({"center": at(1, 1), "radius_meters": 100, "box": box(0, 0, 1, 1)}, "INVALID_REQUEST"),
        ({"center": at(91, 1)}, "INVALID_REQUEST"),
        ({"center": at(float("nan"), 1)}, "INVALID_REQUEST"),
        ({"box": box(10, 0, 1, 1)}, "INVALID_REQUEST"),
        ({"guest_count": 10_000}, "INVALID_REQUEST"),
        ({"amenities": [0]}, "INVALID_REQUEST"),
        ({"page_size": -1}, "INVALID_REQUEST"),
        ({"query": "a\0b"}, "INVALID_REQUEST"),
        ({"query": "x" * 201}, "INVALID_REQUEST"),
        ({"page_token": "forged"}, "PAGE_TOKEN_INVALID"),
        ({"check_in_date": day(TODAY)}, "INVALID_REQUEST"),
        ({"check_in_date": day(TODAY), "check_out_date": day(TODAY)}, "STAY_DATES_INVALID"),
        ({"check_in_date": day(TODAY - timedelta(9)), "check_out_date": day(TODAY)}, "STAY_DATES_INVALID"),
        ({"check_in_date": day(TODAY), "check_out_date": day(TODAY + timedelta(400))}, "STAY_DATES_INVALID"),
    ],
)
async def test_what_cannot_be_asked(stand: Stand, conditions: dict[str, object], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        await stand.search(**conditions)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", reason)


@pytest.mark.parametrize("order", ALL_ORDERS)
@pytest.mark.parametrize("query", ["", "zqpages"])
@pytest.mark.parametrize("many", [False, True])
async def test_pages_neither_repeat_nor_hide_while_rows_come_and_go(
    stand: Stand, order: int, query: str, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = stand.person()
    if many:  # as where a search has too many matches to fetch them all, and more than a neighbourhood
        monkeypatch.setattr("services.property.repository.planning.FEW", 0)
        monkeypatch.setattr("services.property.repository.search.NEIGHBOURS", 7)
    # Equal prices, qualities and (within a title) words: ties all over, broken by the id alone.
    latitude = 20.0 + 4 * ALL_ORDERS.index(order) + (1 if query else 0) + (2 if many else 0)

    async def place(number: int) -> str:
        title, text = ("Zqpages", "x") if number % 2 else ("Maison", "zqpages")
        made = await stand.publish(
            host, latitude, -40.0 - number % 3 * 0.01, title=title, description=text, nightly=5000 + number % 4
        )
        return made.property_id

    there = [await place(number) for number in range(14)]
    conditions = {
        "query": query, "center": at(latitude, -40.0), "radius_meters": 20_000, "order_by": order, "page_size": 4,
        "currency_code": "DZD",
    }  # fmt: skip
    seen, token = [], ""
    for number in range(100):
        page = await stand.search(**conditions, page_token=token)
        assert len(page.properties) <= 4
        seen += [card.property_id for card in page.properties]
        token = page.next_page_token
        if not token:
            break
        await place(number)
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)


async def test_a_page_token_belongs_to_its_query(stand: Stand) -> None:
    host = stand.person()
    for _ in range(3):
        await stand.publish(host, 10.5, 10.5)
    here = {"box": box(10, 10, 11, 11), "page_size": 2}
    token = (await stand.search(**here)).next_page_token
    assert token
    for other in (
        {**here, "guest_count": 1},
        {**here, "order_by": Order.NEWEST},
        {"box": box(10, 10, 11, 11.1), "page_size": 2},
    ):
        with pytest.raises(Refused) as refused:
            await stand.search(**other, page_token=token)
        assert refused.value.reason == "PAGE_TOKEN_INVALID"
    assert len((await stand.search(**(here | {"page_size": 1}), page_token=token)).properties) == 1


async def test_a_huge_page_is_a_hundred(stand: Stand) -> None:
    host = stand.person()
    for _ in range(26):
        await asyncio.gather(*(stand.publish(host, 12.5, 12.5) for _ in range(4)))
    found = await stand.search(box=box(12, 12, 13, 13), page_size=1_000_000_000)
    assert len(found.properties) == 100 and found.next_page_token


async def test_a_change_is_searched_at_once(stand: Stand) -> None:
    host = stand.person()
    mine = (await stand.publish(host, title="Zqbefore")).property_id
    changed = listing(title="Zqafter")
    changed.property_id = mine
    changed.ClearField("rates")
    await stand.call("UpdateProperty", pb.UpdatePropertyRequest(property=changed), host)
    assert (await stand.ids(query="zqbefore"), await stand.ids(query="zqafter")) == ([], [mine])


async def test_no_public_answer_ever_holds_the_door(stand: Stand) -> None:
    host = stand.person()
    latitude, longitude = 36.753812, 3.058834
    mine = (await stand.publish(host, latitude, longitude, title="Zqprivacy")).property_id
    seen = {(p.latitude, p.longitude) for p in [(await stand.get(mine)).area.point]}
    for metres in range(200, 2200, 100):
        answer = await stand.search(query="zqprivacy", center=at(latitude, longitude), radius_meters=metres)
        seen |= {(card.area.point.latitude, card.area.point.longitude) for card in answer.properties}
        assert "Didouche" not in str(answer) and str(latitude) not in str(answer)
    public = await stand.get(mine, stand.person())
    assert len(seen) == 1 and seen != {(latitude, longitude)}
    assert not public.HasField("location") and "Didouche" not in str(public)
    # Nor does the database, the events or the search document hold it in the clear.
    for table in ("property", "listing", "outbox"):
        rows = await stand.database.fetch(f"SELECT {table}::text AS row FROM {table}")
        assert not any("Didouche" in row["row"] or "36.753812" in row["row"] for row in rows), table
    payloads = await stand.database.fetch("SELECT payload FROM outbox")
    assert not any(b"Didouche" in row["payload"] for row in payloads)
    # Whether the door itself is within a radius changes nothing: only the public point is searched.
    door = await stand.search(query="zqprivacy", center=at(latitude, longitude), radius_meters=100)
    assert len(door.properties) == 0


async def test_similar_ones_are_near_like_priced_and_of_the_kind(stand: Stand) -> None:
    host = stand.person()

    async def place(east: float, **fields: object) -> str:
        return (await stand.publish(host, 30.0, 60.0 + east, **fields)).property_id

    mine = await place(0.0, nightly=5000)
    alike = await place(0.05, nightly=5200)
    dearer = await place(0.05, nightly=15_000)
    other = await place(0.05, nightly=5200, kind=Kind.CAMP)
    far = await place(2.0, nightly=5000)
    await place(0.0, nightly=5000, currency="EUR")
    found = await stand.call(
        "ListSimilarProperties", pb.ListSimilarPropertiesRequest(property_id=mine, page_size=4), None
    )
    assert [card.property_id for card in found.properties] == [alike, other, dearer, far]
    assert found.properties[0].distance_meters < 8000
