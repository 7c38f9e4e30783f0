"""Parts that hang: they keep their connections and answer nothing. Callers get an answer within their deadline."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.invariants import ended_once, settle, violations
from tests.chaos.patience import (
    LONGEST_ANSWER,
    LONGEST_WITHOUT_TRANSCODER,
    Watch,
    ask_once,
    persist,
    share_within,
    too_slow,
)
from tests.chaos.wounds import frozen, kill, wait_back
from tests.journeys.mesh import PASSWORD, Json, Mesh, Person, confirmed, eventually, quote, state_of

BOOKINGS, ME, PROPERTIES = "/v1/bookings", "/v1/users/me", "/v1/properties:search?query=bain"
# Longer than the deadline of a call.
FROZEN_SECONDS = 6.0
# P20 of the promises: what Redis' silence may cost a read.
REDIS_COST = 0.06


@pytest.fixture(scope="module", autouse=True)
def right_at_the_end(mesh: Mesh) -> Iterator[None]:
    yield
    settle(mesh)
    assert violations(mesh) == []


@pytest.mark.timeout(120)
def test_without_redis_reads_go_on_and_a_login_is_answered(mesh: Mesh, client: Person, property_id: str) -> None:
    with Watch(client, (ME,)) as usual:
        time.sleep(3)
    with frozen(mesh, "redis"), Watch(client, (ME, PROPERTIES)) as watch:
        began = time.monotonic()
        login = ask_once(client, "POST", "/v1/auth:login", {"email": client.email, "password": PASSWORD})
        wrong = ask_once(client, "POST", "/v1/auth:login", {"email": client.email, "password": "no such one 77"})
        booking = confirmed(client, property_id, 100, 2)
        time.sleep(max(0.0, 5 - (time.monotonic() - began)))
    assert (login.outcome, wrong.reason) == ("OK", "SIGN_IN_REFUSED")
    assert set(watch.outcomes) == {"OK"}
    cost = share_within(watch.of(ME), 0.5) - share_within(usual.answers, 0.5)
    print(
        f"{watch.outcomes}, half of the reads {1000 * cost:.0f} ms later, slowest {share_within(watch.answers, 0.999):.2f} s"
    )
    assert cost <= REDIS_COST
    assert too_slow([*watch.answers, login, wrong]) == []
    settle(mesh)
    assert ended_once(mesh, booking) == []


@pytest.mark.timeout(120)
def test_without_the_bus_a_booking_is_made_and_told_of_later(mesh: Mesh, client: Person, property_id: str) -> None:
    with frozen(mesh, "nats"), Watch(client, (BOOKINGS, ME)) as watch:
        booking = confirmed(client, property_id, 105, 2)
        time.sleep(2)
    assert set(watch.outcomes) == {"OK"} and too_slow(watch.answers) == []
    assert mesh.mail(client.email, booking["bookingId"], within=60)
    settle(mesh)
    assert ended_once(mesh, booking) == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("component", ["booking", "transcoder"])
def test_nobody_waits_for_a_part_that_hangs(component: str, mesh: Mesh, client: Person) -> None:
    with frozen(mesh, component), Watch(client, (BOOKINGS, BOOKINGS)) as watch:
        time.sleep(FROZEN_SECONDS)
    longest = LONGEST_WITHOUT_TRANSCODER if component == "transcoder" else LONGEST_ANSWER
    _each_was_answered(watch, BOOKINGS, longest)
    eventually(lambda: ask_once(client, "GET", BOOKINGS).outcome == "OK" or None, LONGEST_ANSWER)


@pytest.mark.timeout(120)
def test_an_edge_that_cannot_get_the_keys_signs_nobody_out(mesh: Mesh, client: Person) -> None:
    with frozen(mesh, "user"):
        for component in ("transcoder", "envoy"):
            wait_back(mesh, component, kill(mesh, component))
        answer = ask_once(client, "GET", BOOKINGS)
    assert (answer.outcome, answer.reason) == ("UNAVAILABLE", "DEPENDENCY_UNAVAILABLE")
    eventually(lambda: ask_once(client, "GET", BOOKINGS).outcome == "OK" or None, LONGEST_ANSWER)


@pytest.mark.timeout(120)
def test_a_booking_asked_for_while_the_database_hangs_is_made_once(
    mesh: Mesh, client: Person, property_id: str
) -> None:
    offer = {"quoteToken": quote(client, property_id, 110, 2)["quoteToken"]}
    with ThreadPoolExecutor(1) as pool:
        with frozen(mesh, "postgres"), Watch(client, (BOOKINGS, PROPERTIES)) as watch:
            creating = pool.submit(persist, client, "POST", BOOKINGS, offer)
            time.sleep(FROZEN_SECONDS)
        answers = creating.result()
    _each_was_answered(watch, BOOKINGS)
    booking: Json = answers[-1].body
    assert len(answers) > 1 and too_slow(answers) == []
    assert mesh.pay(booking["payment"]).is_success
    eventually(lambda: state_of(client, booking["bookingId"]) == "CONFIRMED" or None, 30)
    settle(mesh)
    assert ended_once(mesh, booking) == []


def _each_was_answered(watch: Watch, hurt: str, longest: float = LONGEST_ANSWER) -> None:
    print(f"{watch.outcomes}, slowest {max(answer.seconds for answer in watch.answers):.2f} s")
    assert too_slow(watch.answers, longest) == []
    outcomes = {answer.outcome for answer in watch.of(hurt)}
    assert outcomes & {"UNAVAILABLE", "DEADLINE_EXCEEDED"} and outcomes <= {"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}
