"""kill -9 of each part of the mesh in the middle of a booking, twice: while it is made, and while its payment arrives."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.invariants import ended_once, settle, violations
from tests.chaos.patience import Watch, persist, too_slow
from tests.chaos.wounds import COMPONENTS, kill, wait_back
from tests.journeys.mesh import Json, Mesh, Person, eventually, quote

# What callers may be told while a part is away. Without the bus, the cache or the e-mails everything else goes on; without
# the edge there is nobody to answer, and the line is cut.
ALLOWED = {"nats": {"OK"}, "redis": {"OK"}, "notification": {"OK"}, "envoy": {"OK", "UNAVAILABLE", "refused"}}
UNAVAILABLE = {"OK", "UNAVAILABLE"}
# Seconds from the moment a part is ready again until nobody notices any more.
FORGOTTEN_AFTER = 10.0
_nights = itertools.count(30, 5)


@pytest.fixture(scope="module")
def paid(mesh: Mesh) -> Iterator[dict[str, Json]]:
    """Bookings by the part that died while they were made. At the end each of them, and the whole mesh, must be right."""
    bookings: dict[str, Json] = {}
    yield bookings
    settle(mesh)
    wrong = {part: problems for part, booking in bookings.items() if (problems := ended_once(mesh, booking))}
    assert (wrong, violations(mesh)) == ({}, [])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_booking_outlives_the_death_of(
    component: str, mesh: Mesh, client: Person, property_id: str, paid: dict[str, Json]
) -> None:
    paths = ("/v1/users/me", f"/v1/properties/{property_id}", "/v1/properties:search?query=terrasse", "/v1/bookings")
    offer = {"quoteToken": quote(client, property_id, next(_nights), 2)["quoteToken"]}
    with Watch(client, paths) as watch, ThreadPoolExecutor(1) as pool:
        creating = pool.submit(persist, client, "POST", "/v1/bookings", offer)
        time.sleep(0.01)
        restarts = kill(mesh, component)
        answers = creating.result()
        paid[component] = answers[-1].body
        wait_back(mesh, component, restarts)

        assert mesh.pay(paid[component]["payment"]).is_success
        restarts = kill(mesh, component)
        eventually(lambda: _is_confirmed(client, paid[component]), 90)
        wait_back(mesh, component, restarts)
        back = time.monotonic()
        time.sleep(1)
    seen = [*watch.answers, *answers]
    print(f"{component}: {dict(watch.outcomes)}, slowest {max(answer.seconds for answer in seen):.2f} s")
    assert too_slow(seen) == []
    assert [answer for answer in watch.answers if answer.outcome not in ALLOWED.get(component, UNAVAILABLE)] == []
    assert [a for a in watch.answers if a.outcome != "OK" and a.ended > back + FORGOTTEN_AFTER] == []


def _is_confirmed(client: Person, booking: Json) -> bool | None:
    shown = persist(client, "GET", f"/v1/bookings/{booking['bookingId']}")[-1].body
    return shown["state"] == "CONFIRMED" or None
