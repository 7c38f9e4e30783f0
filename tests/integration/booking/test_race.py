"""No night is sold twice, and no call has its effect twice, however many come at once and wherever a process dies."""

import asyncio
import itertools
import random
from collections.abc import Coroutine
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from kerya.booking.v1 import booking_pb2
from services.chassis.ids import from_typeid, new_id
from tests.integration.booking.stand import Refused, Stand, State, die, uuid_of

SEED = 20270301


async def outcomes(calls: list[Coroutine[Any, Any, Any]]) -> tuple[list[Any], list[Refused]]:
    """Who came through, and who was refused."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    others = [result for result in results if isinstance(result, BaseException) and not isinstance(result, Refused)]
    assert others == []
    refused = [result for result in results if isinstance(result, Refused)]
    return [result for result in results if not isinstance(result, Refused)], refused


async def insist(stand: Stand, quote: booking_pb2.Quote, at: Any = None) -> booking_pb2.Booking:
    """Books as a client does: on a busy machine the answer may be to try again, under the same key."""
    who, key = stand.person(), new_id().hex
    for _ in range(20):
        try:
            return await stand.book(who, quote, key, at=at)
        except Refused as refused:
            if refused.code != "UNAVAILABLE" and refused.reason != "IDEMPOTENCY_IN_PROGRESS":
                raise
        await asyncio.sleep(0.2)
    raise AssertionError("it stayed unavailable")


def days(stay: booking_pb2.StayDates) -> set[date]:
    first = date(stay.check_in_date.year, stay.check_in_date.month, stay.check_in_date.day)
    last = date(stay.check_out_date.year, stay.check_out_date.month, stay.check_out_date.day)
    return {first + timedelta(days=number) for number in range((last - first).days)}


@pytest.mark.parametrize("round", range(2))
async def test_of_64_at_once_for_overlapping_nights_one_wins(stand: Stand, round: int) -> None:
    property_id, chance = stand.property(), random.Random(SEED + round)
    # Every stay has the night of day 40.
    stays = [(40 - before, before + 1 + chance.randrange(4)) for before in (chance.randrange(4) for _ in range(64))]
    quotes = await asyncio.gather(*(stand.quote(property_id, first=first, nights=nights) for first, nights in stays))
    # Half of them ask one process of the service, half another: the database decides.
    asked = itertools.cycle((stand.bookings, stand.replica))
    won, lost = await outcomes([insist(stand, quote, next(asked)) for quote in quotes])

    [winner] = won
    assert len(lost) == 63
    assert {(refused.code, refused.reason) for refused in lost} == {("ABORTED", "NIGHTS_TAKEN")}
    taken = {night for night, _, _ in await stand.nights(property_id)}
    booked = booking_pb2.StayDates(check_in_date=winner.check_in_date, check_out_date=winner.check_out_date)
    assert taken == days(booked)
    assert {holder for _, _, holder in await stand.nights(property_id)} == {winner.booking_id}
    for refused in lost:
        conflicts = set().union(*(days(stay) for stay in refused.nights.conflicts))
        assert conflicts and conflicts <= taken
        assert len(refused.nights.alternatives) == 3
        assert all(not days(stay) & taken for stay in refused.nights.alternatives)


async def test_an_alternative_that_is_offered_can_be_booked(stand: Stand) -> None:
    property_id = stand.property()
    quote = await stand.quote(property_id)
    await stand.book(stand.person(), quote)
    with pytest.raises(Refused) as refused:
        await stand.book(stand.person(), quote)
    nearest = refused.value.nights.alternatives[0]
    first = (min(days(nearest)) - date.today()).days
    assert (await stand.held(stand.person(), property_id, first=first)).state == State.HELD


async def test_random_stays_never_share_a_night_and_are_never_held_in_part(stand: Stand) -> None:
    chance = random.Random(SEED)
    properties = [stand.property() for _ in range(3)]
    quotes = [
        await stand.quote(chance.choice(properties), first=chance.randrange(10, 50), nights=chance.randrange(1, 8))
        for _ in range(120)
    ]
    workers = asyncio.Semaphore(40)

    async def book(quote: booking_pb2.Quote) -> booking_pb2.Booking:
        async with workers:
            return await insist(stand, quote)

    won, lost = await outcomes([book(quote) for quote in quotes])
    assert won and {refused.reason for refused in lost} <= {"NIGHTS_TAKEN"}
    for property_id in properties:
        held = {night: booking for night, _, booking in await stand.nights(property_id)}
        wanted: dict[date, str] = {}
        for booking in won:
            if booking.property_id == property_id:
                stay = booking_pb2.StayDates(check_in_date=booking.check_in_date, check_out_date=booking.check_out_date)
                assert not days(stay) & set(wanted)
                wanted |= dict.fromkeys(days(stay), booking.booking_id)
        assert held == wanted


async def test_fifty_calls_under_one_key_make_one_booking_and_one_payment(stand: Stand) -> None:
    client, quote, key = stand.person(), await stand.quote(stand.property()), uuid4().hex
    before = len((await stand.sandbox.stripe("GET", "payment_intents", limit=100))["data"])
    won, lost = await outcomes([stand.book(client, quote, key) for _ in range(50)])
    assert {refused.reason for refused in lost} <= {"IDEMPOTENCY_IN_PROGRESS"}
    answers = {booking.SerializeToString() for booking in won}
    replayed = await stand.book(client, quote, key)
    assert answers == {replayed.SerializeToString()}
    assert await holds_of(stand, client.user_id) == 1
    intents = (await stand.sandbox.stripe("GET", "payment_intents", limit=100))["data"]
    mine = [found for found in intents if found["metadata"]["booking_id"] == replayed.booking_id]
    assert len(mine) == 1
    assert len(intents) == min(before + 1, 100)


async def test_another_request_under_the_same_key_is_refused(stand: Stand) -> None:
    client, key, property_id = stand.person(), uuid4().hex, stand.property()
    await stand.book(client, await stand.quote(property_id), key)
    with pytest.raises(Refused) as refused:
        await stand.book(client, await stand.quote(property_id, first=50), key)
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("moment", ["before open", "after open"])
async def test_a_call_that_died_goes_on_under_its_key(stand: Stand, moment: str) -> None:
    client, quote, key = stand.person(), await stand.quote(stand.property()), uuid4().hex
    stand.provider.around[moment] = die
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await stand.book(client, quote, key)
        assert refused.value.reason == "INTERNAL_ERROR"
    assert [kind for _, kind, _ in await stand.nights(quote.property_id)] == ["HOLD"] * 3

    stand.provider.around.clear()
    booking = await stand.book(client, quote, key)
    assert booking.payment.client_secret
    assert (await stand.book(client, quote, key)).SerializeToString() == booking.SerializeToString()
    assert await holds_of(stand, client.user_id) == 1
    intents = (await stand.sandbox.stripe("GET", "payment_intents", limit=100))["data"]
    assert [found["id"] for found in intents if found["metadata"]["booking_id"] == booking.booking_id] == [
        booking.payment.payment_intent_id
    ]
    assert (await stand.events(booking.booking_id)) == ["booking.held"]


async def test_a_lost_answer_of_the_provider_opens_no_second_payment(stand: Stand) -> None:
    client, quote, key = stand.person(), await stand.quote(stand.property()), uuid4().hex
    await stand.sandbox.knob(provider="stripe", operation="payment_intents.create", drop=True, times=1)
    with pytest.raises(Refused) as refused:
        await stand.book(client, quote, key)
    assert (refused.value.code, refused.value.reason) == ("UNAVAILABLE", "PAYMENT_UNAVAILABLE")
    booking = await stand.book(client, quote, key)
    intents = (await stand.sandbox.stripe("GET", "payment_intents", limit=100))["data"]
    assert len([found for found in intents if found["metadata"]["booking_id"] == booking.booking_id]) == 1


async def test_a_hold_made_while_its_quote_was_live_goes_on_after_it_ended(stand: Stand) -> None:
    client, quote, key = stand.person(), await stand.quote(stand.property()), uuid4().hex
    stand.provider.around["before open"] = die
    with pytest.raises(Refused):
        await stand.book(client, quote, key)
    stand.provider.around.clear()
    first = await stand.database.fetchval("SELECT booking_id FROM booking WHERE quote_id = $1", uuid_of(quote.quote_id))
    assert from_typeid("booking", (await stand.book(client, quote, key)).booking_id) == first


async def holds_of(stand: Stand, user_id: str) -> int:
    client: UUID = uuid_of(user_id)
    return int(await stand.database.fetchval("SELECT count(*) FROM booking WHERE client_id = $1", client))
