"""Nights that the calendar takes are not searched; whatever order, and however often, its events come."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

import pytest

from kerya.booking.v1.booking_events_pb2 import NightsReleased, NightsTaken
from services.chassis.clock import ManualClock
from services.chassis.database import Database
from services.chassis.delivery import AlreadyHandled, Delivery, Reject
from services.chassis.ids import new_id
from services.property.consumers import CalendarConsumers
from services.property.repository.nights import NightRepository
from services.property.usecases.calendar import ForgetPastNights, MarkNights
from tests.integration.property.stand import Stand, box, day, uuid_of

T = TypeVar("T", NightsTaken, NightsReleased)
FIRST = date.today() + timedelta(days=60)


def delivery() -> Delivery:
    return Delivery(new_id(), "calendar.nights_taken", datetime.now(UTC), 1, "property-CALENDAR")


def event(kind: type[T], property_id: str, first: int, last: int, version: int) -> T:
    return kind(
        property_id=property_id,
        first_night=day(FIRST + timedelta(first)),
        last_night=day(FIRST + timedelta(last)),
        version=version,
    )


@pytest.fixture
async def database(stand: Stand) -> AsyncIterator[Database]:
    made = Database(stand.settings.database_url.get_secret_value())
    yield made
    await made.close()


@pytest.fixture
def consumers(database: Database) -> CalendarConsumers:
    return CalendarConsumers(MarkNights(database, NightRepository()))


async def free(stand: Stand, latitude: float, first: int, nights: int) -> bool:
    """Whether the one property there is found for the stay."""
    check_in = FIRST + timedelta(first)
    found = await stand.ids(
        box=box(latitude - 0.1, 99.9, latitude + 0.1, 100.1),
        check_in_date=day(check_in),
        check_out_date=day(check_in + timedelta(nights)),
    )
    return len(found) == 1


async def test_taken_nights_are_not_found_and_released_ones_are(stand: Stand, consumers: CalendarConsumers) -> None:
    mine = (await stand.publish(stand.person(), 5.0, 100.0)).property_id
    await consumers.on_taken(event(NightsTaken, mine, 3, 4, 1), delivery())
    stays = [(0, 3), (0, 4), (3, 1), (4, 1), (5, 2), (0, 10)]
    assert [await free(stand, 5.0, *stay) for stay in stays] == [True, False, False, False, True, False]
    await consumers.on_released(event(NightsReleased, mine, 3, 4, 2), delivery())
    assert all([await free(stand, 5.0, *stay) for stay in stays])


async def test_of_two_events_about_a_night_the_higher_version_holds(stand: Stand, consumers: CalendarConsumers) -> None:
    mine = (await stand.publish(stand.person(), 6.0, 100.0)).property_id
    await consumers.on_released(event(NightsReleased, mine, 0, 2, 5), delivery())
    await consumers.on_taken(event(NightsTaken, mine, 0, 4, 4), delivery())
    assert await free(stand, 6.0, 0, 3)
    assert not await free(stand, 6.0, 3, 1)


async def test_an_event_has_its_effect_once(stand: Stand, consumers: CalendarConsumers) -> None:
    mine = (await stand.publish(stand.person(), 7.0, 100.0)).property_id
    taken, once = event(NightsTaken, mine, 0, 0, 1), delivery()
    await consumers.on_taken(taken, once)
    with pytest.raises(AlreadyHandled):
        await consumers.on_taken(taken, once)


@pytest.mark.parametrize(
    "broken",
    [
        NightsTaken(property_id="booking_1", first_night=day(FIRST), last_night=day(FIRST), version=1),
        NightsTaken(property_id="property_" + "0" * 26, version=1),
        NightsTaken(property_id="property_" + "0" * 26, first_night=day(FIRST), last_night=day(FIRST - timedelta(1))),
        NightsTaken(property_id="property_" + "0" * 26, first_night=day(FIRST), last_night=day(date(9999, 1, 1))),
    ],
)
async def test_an_event_that_can_never_be_handled_is_rejected(
    consumers: CalendarConsumers, broken: NightsTaken
) -> None:
    with pytest.raises(Reject):
        await consumers.on_taken(broken, delivery())


async def test_the_service_hears_the_calendar_over_jetstream(stand: Stand) -> None:
    mine = (await stand.publish(stand.person(), 8.0, 100.0)).property_id
    await stand.publish_event(event(NightsTaken, mine, 0, 6, 1), "kerya.booking.v1")
    async with asyncio.timeout(20):
        while await free(stand, 8.0, 0, 2):
            await asyncio.sleep(0.05)


async def test_nights_that_are_over_are_forgotten(stand: Stand, database: Database) -> None:
    mine = uuid_of((await stand.publish(stand.person(), 9.0, 100.0)).property_id)
    nights = NightRepository()
    async with database.write() as tx:
        await nights.mark(tx, mine, FIRST, FIRST + timedelta(9), 1, taken=True)
    clock = ManualClock(datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(days=5))
    await ForgetPastNights(database, nights, clock)()
    left = await stand.database.fetch("SELECT night FROM taken_night WHERE property_id = $1 ORDER BY night", mine)
    assert [row["night"] for row in left] == [FIRST + timedelta(days) for days in range(3, 10)]
