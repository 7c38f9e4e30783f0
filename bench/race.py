"""64 clients after the same nights: one of them gets them, whatever is killed meanwhile; and what a booking costs."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from bench.figures import Figure, Target
from bench.load import Answer, Connection
from bench.mesh import Mesh, running, state_directory
from bench.people import Person, list_property, post, quote, register, register_many
from bench.processes import Meter
from bench.samples import summary

RACERS = 64
NIGHTS = 3
# Passing troubles: the same request under the same key may be sent again. 409 without a reason of the booking's own is
# an attempt still under way.
RETRIED = frozenset({429, 502, 503, 504})
PATIENCE_SECONDS = 90.0
FIRST_DAY = 30
WINDOWS = 60
COSTED = ("envoy", "transcoder", "booking", "property", "postgres", "redis", "nats", "notification", "sandbox")


@dataclass(frozen=True)
class Size:
    """Rounds, in how many of them the booking service is killed, and bookings whose cost is measured."""

    rounds: int
    kills: int
    bookings: int


SHORT, FULL = Size(15, 2, 48), Size(200, 8, 480)


@dataclass
class Tally:
    """What the rounds came to."""

    one_winner: int = 0
    winners: Counter[int] = field(default_factory=Counter)
    conflicts: int = 0
    offered: int = 0
    others: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    killed: list[float] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Outcome:
    """The last answer to one racer, and why it had to ask again before."""

    answer: Answer
    retries: Counter[str]

    @property
    def reason(self) -> str:
        """The reason of an error in the API's own terms, or its HTTP status."""
        details = self.answer.json().get("error", {}).get("details", [])
        return next((str(each["reason"]) for each in details if "reason" in each), str(self.answer.status))

    @property
    def alternatives(self) -> list[Any]:
        details = self.answer.json().get("error", {}).get("details", [])
        return next((each["alternatives"] for each in details if each.get("alternatives")), [])


def run(short: bool, note: Callable[[str], None]) -> list[Figure]:
    """Races in rounds, then bookings without rivals."""
    size = SHORT if short else FULL
    with state_directory() as home, running(home) as mesh:
        return asyncio.run(_run(mesh, size, note))


async def _run(mesh: Mesh, size: Size, note: Callable[[str], None]) -> list[Figure]:
    note(f"registering {RACERS} clients")
    host, clients = await register(mesh, "HOST"), await register_many(mesh, RACERS)
    alone = await _alone(mesh, host, clients, size.bookings, note)
    note(f"{size.rounds} rounds of {RACERS}, booking killed in {size.kills}")
    return [*_verdicts(size, await _rounds(mesh, host, clients, size)), *alone]


def _verdicts(size: Size, tally: Tally) -> list[Figure]:
    losers = size.rounds * (RACERS - 1)
    took, after_kill = summary(tally.seconds), summary(tally.killed)
    told = {f"answered {reason}": float(count) for reason, count in tally.others.items()}
    again = {f"sent again after {reason}": float(count) for reason, count in tally.retries.items()}
    numbers = {f"rounds with {count} winners": float(rounds) for count, rounds in tally.winners.items()}
    return [
        Figure("rounds with exactly one winner", tally.one_winner, "rounds", Target("=", size.rounds), numbers),
        Figure("losers told NIGHTS_TAKEN", tally.conflicts, "answers", Target("=", losers), told),
        Figure("of them with free alternatives", tally.offered, "answers", Target("=", losers)),
        Figure("a round of 64", took.median, "s", None, {}, took.spread),
        Figure(
            "a round in which booking is killed",
            after_kill.median,
            "s",
            None,
            {"kills": size.kills, **again},
            after_kill.spread,
        ),
    ]


async def _rounds(mesh: Mesh, host: Person, clients: list[Person], size: Size) -> Tally:
    tally = Tally()
    every = size.rounds // size.kills
    for number in range(size.rounds):
        window = number % WINDOWS
        if window == 0:
            property_id = await list_property(host)
            await host.renew()
        kill = number % every == every - 1
        await asyncio.gather(*(client.renew() for client in clients))
        began = time.monotonic()
        outcomes = await _round(mesh, clients, property_id, window, kill)
        (tally.killed if kill else tally.seconds).append(time.monotonic() - began)
        _count(tally, outcomes)
        await _release(mesh, clients, outcomes)
    return tally


async def _round(mesh: Mesh, clients: list[Person], property_id: str, window: int, kill: bool) -> list[Outcome]:
    """Every client wants three nights, of which the middle one at least is everybody's."""
    first = _today() + timedelta(days=FIRST_DAY + window * 2 * NIGHTS)
    starts = [first + timedelta(days=shift) for shift in range(NIGHTS)]
    tokens = [await quote(mesh, property_id, start, NIGHTS) for start in starts]
    killer = asyncio.create_task(_kill(mesh)) if kill else None
    racers = [_create(client, tokens[number % NIGHTS]) for number, client in enumerate(clients)]
    outcomes = await asyncio.gather(*racers)
    if killer is not None:
        await killer
        await _ready(mesh, "booking")
    return list(outcomes)


async def _create(client: Person, token: str) -> Outcome:
    """POST /v1/bookings as a patient client does it: the same key until there is an answer that stands."""
    key, until = str(uuid4()), time.monotonic() + PATIENCE_SECONDS
    retries: Counter[str] = Counter()
    async with Connection(client.mesh.http) as connection:
        while True:
            try:
                answer = await client.post("/v1/bookings", {"quoteToken": token}, key, connection)
            except (OSError, EOFError, TimeoutError):
                answer = Answer(503, {}, b"{}")
            outcome = Outcome(answer, retries)
            passing = answer.status in RETRIED or outcome.reason == "IDEMPOTENCY_IN_PROGRESS"
            if not passing or time.monotonic() > until:
                return outcome
            retries[outcome.reason] += 1
            await asyncio.sleep(random.uniform(0.2, 0.6))


async def _kill(mesh: Mesh) -> None:
    """SIGKILL while the creates are under way."""
    await asyncio.sleep(random.uniform(0.0, 0.3))
    mesh.kill("booking")


async def _ready(mesh: Mesh, component: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while mesh.status()[component]["state"] != "ready":
        if time.monotonic() > until:
            raise TimeoutError(f"{component} did not come back")
        await asyncio.sleep(0.1)


def _count(tally: Tally, outcomes: list[Outcome]) -> None:
    winners = sum(outcome.answer.status == 200 for outcome in outcomes)
    losers = [outcome for outcome in outcomes if outcome.answer.status != 200]
    taken = [outcome for outcome in losers if outcome.answer.status == 409 and outcome.reason == "NIGHTS_TAKEN"]
    tally.one_winner += winners == 1
    tally.winners[winners] += 1
    tally.conflicts += len(taken)
    tally.offered += sum(bool(outcome.alternatives) for outcome in taken)
    tally.others.update(outcome.reason for outcome in losers if outcome not in taken)
    for outcome in outcomes:
        tally.retries.update(outcome.retries)


async def _release(mesh: Mesh, clients: list[Person], outcomes: list[Outcome]) -> None:
    """The winner lets go, so that nobody comes to hold too many unpaid bookings."""
    for client, outcome in zip(clients, outcomes, strict=True):
        if outcome.answer.status == 200:
            await post(mesh, f"/v1/bookings/{outcome.answer.json()['bookingId']}:cancel", {}, client.access)


async def _alone(
    mesh: Mesh, host: Person, clients: list[Person], count: int, note: Callable[[str], None]
) -> list[Figure]:
    """Bookings of nights that nobody else wants, eight at once, and the CPU time of everything they set in motion."""
    note(f"{count} bookings without rivals")
    properties = [await list_property(host) for _ in range(-(-count // WINDOWS))]
    first = _today() + timedelta(days=FIRST_DAY)
    stays = [
        (properties[number // WINDOWS], first + timedelta(days=number % WINDOWS * NIGHTS)) for number in range(count)
    ]
    free = asyncio.Semaphore(8)

    async def quoted(property_id: str, start: date) -> str:
        async with free:
            return await quote(mesh, property_id, start, NIGHTS)

    async def booked(client: Person, token: str) -> Outcome:
        async with free:
            return await _create(client, token)

    tokens = await asyncio.gather(*(quoted(*stay) for stay in stays))
    meter = Meter({name: [mesh.pid(name)] for name in COSTED})
    before, began = meter.read(), time.monotonic()
    outcomes = await asyncio.gather(*(booked(clients[number % RACERS], token) for number, token in enumerate(tokens)))
    seconds = time.monotonic() - began
    await asyncio.sleep(2)  # what the events set in motion belongs to them
    after = meter.read()
    await _release_all(mesh, clients, outcomes)
    failed = sum(outcome.answer.status != 200 for outcome in outcomes)
    parts = {f"{name} ms": (after[name] - before[name]) / count * 1e3 for name in COSTED}
    return [
        Figure("bookings without rivals that failed", failed, "bookings", Target("=", 0)),
        Figure("bookings per second, eight at once, load on the same machine", count / seconds, "1/s"),
        Figure("CPU per booking, all processes it sets in motion", sum(parts.values()), "ms", None, parts),
    ]


async def _release_all(mesh: Mesh, clients: list[Person], outcomes: list[Outcome]) -> None:
    by_round = [outcomes[start : start + RACERS] for start in range(0, len(outcomes), RACERS)]
    for some in by_round:
        await _release(mesh, clients[: len(some)], list(some))


def _today() -> date:
    return datetime.now(UTC).date()
