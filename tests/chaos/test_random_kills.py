"""Bookings by several clients at once while parts of the mesh are killed at random."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.chaos.invariants import ended_once, settle, violations
from tests.chaos.patience import Answer, persist, too_slow
from tests.chaos.wounds import COMPONENTS
from tests.journeys.mesh import PASSWORD, Json, Mesh, Person, day, eventually, listing, register

LONG = os.environ.get("KERYA_LONG") == "1"
CLIENTS = 3
NIGHTS_TAKEN = frozenset({"NIGHTS_TAKEN"})


@dataclass
class Killer:
    """Kills a ready component every `pause` seconds, at most `most` times, within the `with` block."""

    mesh: Mesh
    chance: random.Random
    pause: tuple[float, float]
    most: int
    killed: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Killer:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while len(self.killed) < self.most and not self._over.wait(self.chance.uniform(*self.pause)):
            component = self.chance.choice(COMPONENTS)
            if self.mesh.status()[component]["state"] == "ready":
                self.mesh.kill(component)
                self.killed.append(component)


@dataclass
class Traveller:
    """Books, pays, and cancels every third booking; `made` has the bookings and the state each must end in."""

    person: Person
    property_id: str
    chance: random.Random
    window: int
    made: list[tuple[Json, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def travel(self, bookings: int) -> None:
        while len(self.made) < bookings:
            self._sign_in()
            if (booking := self._book()) is not None:
                self._pay(booking, cancelled=len(self.made) % 3 == 2)

    def _book(self) -> Json | None:
        first = 200 + self.chance.randrange(self.window)
        stay = {"checkInDate": day(first), "checkOutDate": day(first + self.chance.randint(1, 4)), "guestCount": 2}
        offer = self._ask("POST", "/v1/quotes", {"propertyId": self.property_id, **stay})
        if "quoteToken" not in offer:
            return None
        booking = self._ask("POST", "/v1/bookings", {"quoteToken": offer["quoteToken"]})
        return booking if "bookingId" in booking else None

    def _pay(self, booking: Json, *, cancelled: bool) -> None:
        path = f"/v1/bookings/{booking['bookingId']}"
        assert self.person.mesh.pay(booking["payment"]).is_success
        eventually(lambda: self._ask("GET", path)["state"] == "CONFIRMED" or None, 120)
        if cancelled:
            self._ask("POST", f"{path}:cancel", {})
        self.made.append((booking, "CANCELLED" if cancelled else "CONFIRMED"))

    def _sign_in(self) -> None:
        # Each time: the long form takes longer than a token lives.
        nobody = Person(self.person.mesh, "", "", "")
        answers = persist(nobody, "POST", "/v1/auth:login", {"email": self.person.email, "password": PASSWORD})
        self.answers += answers
        self.person.token = answers[-1].body["accessToken"]

    def _ask(self, verb: str, path: str, body: Json | None = None) -> Json:
        answers = persist(self.person, verb, path, body, final=NIGHTS_TAKEN)
        self.answers += answers
        return answers[-1].body


def _play(mesh: Mesh, host: Person, bookings: int, kills: int) -> None:
    seed = int(os.environ.get("KERYA_SEED") or time.time())
    print(f"KERYA_SEED={seed}")
    chance = random.Random(seed)
    place, each = listing(host), bookings // CLIENTS
    travellers = [
        Traveller(register(mesh), place, random.Random(chance.random()), 5 * bookings) for _ in range(CLIENTS)
    ]
    with Killer(mesh, chance, (1.0, 3.0), kills) as killer, ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(lambda traveller: traveller.travel(each), travellers):
            pass
    mesh.wait_ready(within=90)
    settle(mesh)
    made = [each for traveller in travellers for each in traveller.made]
    wrong = [problem for booking, state in made for problem in ended_once(mesh, booking, state)]
    seen = [answer for traveller in travellers for answer in traveller.answers]
    print(
        f"killed {killer.killed}; {len(made)} bookings by {len(seen)} calls, slowest {max(a.seconds for a in seen):.2f} s"
    )
    assert killer.killed
    assert (wrong, violations(mesh)) == ([], [])
    assert too_slow(seen) == []


@pytest.mark.timeout(300)
def test_random_kills_cost_nobody_a_booking(mesh: Mesh, host: Person) -> None:
    _play(mesh, host, bookings=12, kills=8)


@pytest.mark.slow
@pytest.mark.timeout(5400)
@pytest.mark.skipif(not LONG, reason="KERYA_LONG=1 asks for it")
def test_many_random_kills_cost_nobody_a_booking(mesh: Mesh, host: Person) -> None:
    _play(mesh, host, bookings=200, kills=10_000)
