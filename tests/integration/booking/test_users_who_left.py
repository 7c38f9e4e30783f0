"""What a user wrote into bookings goes with their account; what they agreed to stays."""

import pytest

from kerya.booking.v1 import booking_pb2
from kerya.user.v1.user_events_pb2 import UserDeleted
from services.booking.usecases import forget_user
from tests.integration.booking.stand import Person, Stand, State, eventually, minor, uuid_of


async def leave(stand: Stand, who: Person) -> None:
    await stand.publish(UserDeleted(user_id=who.user_id), "kerya.user.v1")


async def words(stand: Stand, booking: booking_pb2.Booking) -> tuple[str, str]:
    """The message, and the reason for cancelling."""
    query = "SELECT message, coalesce(cancel_reason, '') FROM booking WHERE booking_id = $1"
    row = await stand.database.fetchrow(query, uuid_of(booking.booking_id))
    return row[0], row[1]


async def test_a_client_who_left_leaves_no_words_behind(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget_user, "BATCH", 1)
    host, client, other = stand.person("HOST"), stand.person(), stand.person()
    property_id = stand.property(host)
    stays = [await stand.held(client, property_id, first=10 * number) for number in range(3, 6)]
    confirmed = await stand.confirmed(client, property_id, first=80)
    theirs = await stand.held(other, property_id, first=90)
    await stand.cancel(client, stays[0])
    await stand.cancel(host, stays[1])
    await leave(stand, client)

    async def gone() -> bool:
        return [await words(stand, booking) for booking in (*stays, confirmed)] == [
            ("", ""),
            ("", "plans"),
            ("", ""),
            ("", ""),
        ]

    await eventually(gone, "the client's words are gone", 20)
    assert await words(stand, theirs) == ("Salam", "")
    seen = await stand.get(host, confirmed)
    assert (seen.state, seen.message, seen.etag != confirmed.etag) == (State.CONFIRMED, "", True)
    # The stay stands, and its host may still act on it.
    assert minor((await stand.cancel(host, seen, etag=seen.etag)).cancellation.refund) == 1_760_000


async def test_a_host_who_left_takes_the_own_reasons_along_and_not_the_guests_words(stand: Stand) -> None:
    host, client = stand.person("HOST"), stand.person()
    property_id = stand.property(host)
    by_host, by_client = [await stand.held(client, property_id, first=first) for first in (30, 40)]
    await stand.cancel(host, by_host)
    await stand.cancel(client, by_client)
    await leave(stand, host)

    async def gone() -> bool:
        return await words(stand, by_host) == ("Salam", "")

    await eventually(gone, "the host's words are gone", 20)
    assert await words(stand, by_client) == ("Salam", "plans")
