"""A client as it should be: it asks again under the same Idempotency-Key while it is told to; and a watch on what callers see."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.journeys.mesh import Json, Person

# The default deadline of a call is 5 s; on a busy machine the answer needs a moment more to arrive.
LONGEST_ANSWER = 6.0
# Where the transcoder itself hangs, nobody else knows the caller's deadline: Envoy waits for the longest there may be.
LONGEST_WITHOUT_TRANSCODER = 12.0
PATIENCE = 90.0
PAUSE = 0.2


@dataclass(frozen=True)
class Answer:
    """What a caller saw. `outcome` is "OK", a canonical status, or "refused" where nobody listens or the line was cut."""

    call: str
    outcome: str
    reason: str
    seconds: float
    body: Json
    ended: float = field(default_factory=time.monotonic)


def ask_once(person: Person, verb: str, path: str, body: Json | None = None, key: str = "") -> Answer:
    """One call, whatever comes of it."""
    began = time.monotonic()
    try:
        response = person.call(verb, path, body, key=key)
    except httpx.TransportError as error:
        return Answer(f"{verb} {path}", "refused", type(error).__name__, time.monotonic() - began, {})
    seconds = time.monotonic() - began
    found: Json = response.json() if response.content else {}
    if response.is_success:
        return Answer(f"{verb} {path}", "OK", "", seconds, found)
    refused = found["error"]
    reason = next((d["reason"] for d in refused.get("details", ()) if "reason" in d), "")
    return Answer(f"{verb} {path}", refused["status"], reason, seconds, found)


def may_be_asked_again(answer: Answer) -> bool:
    """UNAVAILABLE and DEADLINE_EXCEEDED; a cut line; and the first attempt, dead or alive, that still has the key."""
    return (
        answer.outcome in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "refused"} or answer.reason == "IDEMPOTENCY_IN_PROGRESS"
    )


def persist(
    person: Person, verb: str, path: str, body: Json | None = None, *, final: frozenset[str] = frozenset()
) -> list[Answer]:
    """Asks until the answer is good, or its reason is in `final`; every answer, that one last."""
    key, answers, until = str(uuid4()), list[Answer](), time.monotonic() + PATIENCE
    while True:
        answers.append(ask_once(person, verb, path, body, key))
        if answers[-1].outcome == "OK" or answers[-1].reason in final:
            return answers
        assert may_be_asked_again(answers[-1]), answers[-1]
        assert time.monotonic() < until, answers
        time.sleep(PAUSE)


@dataclass
class Watch:
    """Reads all the while, as other callers do; `with Watch(person, paths) as watch: …`, then look at `answers`."""

    person: Person
    paths: tuple[str, ...]
    answers: list[Answer] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._threads = [threading.Thread(target=self._look, args=(path,)) for path in self.paths]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(answer.outcome for answer in self.answers)

    def of(self, path: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.call == f"GET {path}"]

    def _look(self, path: str) -> None:
        while not self._over.wait(0.1):
            self.answers.append(ask_once(self.person, "GET", path))


def too_slow(answers: list[Answer], longest: float = LONGEST_ANSWER) -> list[Answer]:
    return [answer for answer in answers if answer.seconds > longest]


def share_within(answers: list[Answer], share: float) -> float:
    """The seconds within which this share of the answers came."""
    return sorted(answer.seconds for answer in answers)[int(len(answers) * share)]
