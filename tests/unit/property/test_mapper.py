"""What crosses the contract: what may be written, and what may leave."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from google.protobuf.message import Message
from google.type import date_pb2, latlng_pb2, money_pb2

from kerya.property.v1 import property_pb2, property_service_pb2
from services.chassis.errors import ChassisRefusal
from services.property.domain import events
from services.property.domain import property as life
from services.property.domain.errors import CurrencyMismatch
from services.property.domain.geo import Point
from services.property.domain.property import Edits, Property
from services.property.domain.search import Order
from services.property.domain.veil import Veil
from services.property.mapper import edits, queries, resources
from services.property.mapper.events import MESSAGES, event

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DOOR = Point(36.753812, 3.058834)
SECRETS = ("12 rue Didouche", "16002", "36.753812", "3.058834")


def listed() -> Property:
    written = Edits(
        {"title": "Studio", "description": "Calme.", "max_guests": 2},
        {"street_address": SECRETS[0], "postal_code": SECRETS[1], "city": "Alger", "country_code": "DZ", "point": DOOR},
    )
    rates = edits.to_rates(property_pb2.Rates(nightly_price=money_pb2.Money(currency_code="DZD", units=5000)))
    return life.begin(UUID(int=7), UUID(int=8), written, rates, Veil(b"k" * 32), NOW).property


def tells_a_secret(message: Message) -> list[str]:
    text = str(message)
    return [secret for secret in SECRETS if secret in text]


def test_the_host_sees_the_door_and_nobody_else_does() -> None:
    assert tells_a_secret(resources.to_property(listed(), exact=True)) == list(SECRETS)
    for message in (
        resources.to_property(listed(), exact=False),
        resources.to_booking_terms(listed()),
        *(event(kind(listed())) for kind in MESSAGES),
    ):
        assert tells_a_secret(message) == [], type(message).__name__


def test_every_domain_event_has_a_message() -> None:
    assert set(MESSAGES) == set(events.PropertyEvent.__subclasses__())


@pytest.mark.parametrize(
    "path", ["host_id", "state", "area", "create_time", "rates", "rates.nightly_price", "*", "location.x", "role"]
)
def test_the_mask_names_only_what_the_host_may_write(path: str) -> None:
    with pytest.raises(ChassisRefusal) as refused:
        edits.to_masked_edits(property_pb2.Property(), [path])
    assert refused.value.reason == "INVALID_REQUEST"


def test_only_masked_fields_change_and_unset_ones_are_cleared() -> None:
    message = property_pb2.Property(title="New", description="Ignored")
    written = edits.to_masked_edits(message, ["title", "max_guests", "location.city", "etag"])
    assert written == Edits({"title": "New", "max_guests": 0}, {"city": ""})


def test_without_a_mask_the_fields_that_are_set_change() -> None:
    message = property_pb2.Property(property_id="x", state=2, title="New", location=property_pb2.Location(city="Oran"))
    written = edits.to_masked_edits(message, [])
    assert (written.details, written.location["city"]) == ({"title": "New"}, "Oran")
    with pytest.raises(ChassisRefusal):
        edits.to_masked_edits(property_pb2.Property(rates=property_pb2.Rates(min_nights=2)), [])


def search(**fields: object) -> property_service_pb2.SearchPropertiesRequest:
    return property_service_pb2.SearchPropertiesRequest(**fields)  # type: ignore[arg-type]


def test_a_price_bound_takes_the_currency_of_the_search() -> None:
    query = queries.to_query(search(currency_code="DZD", max_price=money_pb2.Money(units=70)), NOW)
    assert query.max_price is not None and (query.max_price.currency, query.max_price.minor) == ("DZD", 7000)
    with pytest.raises(CurrencyMismatch):
        queries.to_query(search(currency_code="DZD", min_price=money_pb2.Money(currency_code="EUR", units=7)), NOW)


def test_a_day_that_is_not_in_the_calendar_is_refused() -> None:
    february = date_pb2.Date(year=2027, month=2, day=30)
    with pytest.raises(ChassisRefusal) as refused:
        queries.to_query(search(check_in_date=february, check_out_date=date_pb2.Date(year=2027, month=3, day=2)), NOW)
    assert refused.value.violations[0][0] == "check_in_date"


def test_every_order_of_the_contract_is_known() -> None:
    numbers = property_service_pb2.SearchPropertiesRequest.OrderBy.values()
    assert {queries.ORDERS[number] for number in numbers} == set(Order)


def test_a_text_of_signs_is_not_the_same_as_no_text() -> None:
    signs, none = queries.to_query(search(query="***"), NOW), queries.to_query(search(query="  "), NOW)
    assert (signs.text_given, signs.words) == (True, "")
    assert not none.text_given


def test_points_keep_their_precision() -> None:
    assert edits.from_point(latlng_pb2.LatLng(latitude=DOOR.latitude, longitude=DOOR.longitude)) == DOOR
