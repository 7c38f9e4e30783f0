"""The calendar: the same nights for bookings and blocks."""

from typing import Any

import pytest

from kerya.booking.v1 import calendar_pb2, calendar_service_pb2
from tests.integration.booking.stand import Person, Refused, Stand, State, day, minor

Night = calendar_pb2.CalendarNight


def states(nights: Any) -> list[str]:
    return [Night.State.Name(night.state) for night in nights]


async def block(stand: Stand, who: Person, property_id: str, first: int, last: int) -> Any:
    request = calendar_service_pb2.BlockNightsRequest(
        property_id=property_id, first_night=day(first), last_night=day(last), note="painting"
    )
    return (await stand.call(stand.calendars.BlockNights, request, who)).nights


async def unblock(stand: Stand, who: Person, property_id: str, first: int, last: int) -> Any:
    request = calendar_service_pb2.UnblockNightsRequest(
        property_id=property_id, first_night=day(first), last_night=day(last)
    )
    return (await stand.call(stand.calendars.UnblockNights, request, who)).nights


async def test_the_host_sees_who_has_a_night_and_others_see_whether_it_is_free(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    property_id = stand.property(host)
    held = await stand.held(client, property_id, first=10, nights=2)
    confirmed = await stand.confirmed(client, property_id, first=12, nights=1)
    await block(stand, host, property_id, 14, 14)
    shown = await stand.calendar(host, property_id, 9, 14)
    assert states(shown) == ["AVAILABLE", "HELD", "HELD", "BOOKED", "AVAILABLE", "BLOCKED"]
    assert [night.booking_id for night in shown][1:4] == [held.booking_id] * 2 + [confirmed.booking_id]
    assert {minor(night.price) for night in shown} == {500_000}
    for viewer in (None, client):
        seen = await stand.calendar(viewer, property_id, 9, 14)
        assert states(seen) == ["AVAILABLE"] + ["UNAVAILABLE"] * 3 + ["AVAILABLE", "UNAVAILABLE"]
        assert {night.booking_id for night in seen} == {""}


async def test_yesterday_is_past(stand: Stand) -> None:
    assert states(await stand.calendar(None, stand.property(), -3, -2)) == ["PAST", "PAST"]


async def test_blocked_nights_cannot_be_booked_until_they_are_given_back(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    property_id = stand.property(host)
    quote = await stand.quote(property_id, first=20, nights=3)
    assert states(await block(stand, host, property_id, 21, 25)) == ["BLOCKED"] * 5
    for attempt in (stand.quote(property_id, first=20, nights=3), stand.book(client, quote)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.reason == "NIGHTS_TAKEN"
    # Overlapping what is blocked already is no fault, and takes only what is new.
    await block(stand, host, property_id, 24, 27)
    assert states(await unblock(stand, host, property_id, 20, 23)) == ["AVAILABLE"] * 4
    assert (await stand.book(client, quote)).state == State.HELD
    assert await stand.events(property_id) == [
        "calendar.nights_taken",
        "calendar.nights_taken",
        "calendar.nights_released",
        "calendar.nights_taken",
    ]


async def test_a_block_over_a_booking_takes_no_night_at_all(stand: Stand) -> None:
    host = stand.person("HOST")
    property_id = stand.property(host)
    await stand.held(stand.person(), property_id, first=30, nights=2)
    with pytest.raises(Refused) as refused:
        await block(stand, host, property_id, 28, 33)
    assert refused.value.reason == "NIGHTS_TAKEN"
    assert len(refused.value.nights.conflicts) == 1
    assert len(await stand.nights(property_id)) == 2


async def test_unblocking_leaves_bookings_alone(stand: Stand) -> None:
    host = stand.person("HOST")
    property_id = stand.property(host)
    await stand.held(stand.person(), property_id, first=30, nights=2)
    assert states(await unblock(stand, host, property_id, 29, 32)) == ["AVAILABLE", "HELD", "HELD", "AVAILABLE"]


async def test_only_the_host_blocks(stand: Stand) -> None:
    property_id = stand.property()
    for act in (block, unblock):
        with pytest.raises(Refused) as refused:
            await act(stand, stand.person("HOST"), property_id, 1, 2)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "PROPERTY_NOT_FOUND")
    with pytest.raises(Refused) as refused:
        await block(stand, stand.person("CLIENT"), property_id, 1, 2)
    assert refused.value.code == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("first", "last", "reason"), [(5, 4, "DATES_REVERSED"), (1, 400, "MAX_NIGHTS"), (-2, 3, "PAST_DATES")]
)
async def test_a_range_that_cannot_be_is_refused(stand: Stand, first: int, last: int, reason: str) -> None:
    host = stand.person("HOST")
    property_id = stand.property(host)
    with pytest.raises(Refused) as refused:
        await block(stand, host, property_id, first, last)
    assert refused.value.reason == reason
    assert await stand.nights(property_id) == []
