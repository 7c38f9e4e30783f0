"""When calls to a dependency that fails are refused, and how it is found back."""

from __future__ import annotations

import pytest

from services.chassis.breaker import DEADLINE_EXCEEDED, UNAVAILABLE, Breaker
from services.chassis.failures import DependencyDown

NOT_FOUND = 5


def test_the_breaker_opens_after_failures_in_a_row_and_a_probe_closes_it() -> None:
    breaker = Breaker("user", threshold=3, pause=0.0)
    for _ in range(2):
        breaker.record(UNAVAILABLE)
    breaker.record(NOT_FOUND)
    for _ in range(3):
        assert not breaker.refuses()
        breaker.record(UNAVAILABLE)
    assert breaker.is_open
    assert not breaker.refuses()  # the probe, as no pause is left
    breaker.record(0)
    assert not breaker.is_open


def test_an_open_breaker_refuses_until_its_pause_is_over() -> None:
    breaker = Breaker("user", threshold=1, pause=60.0)
    breaker.record(UNAVAILABLE)
    assert breaker.refuses()
    with pytest.raises(DependencyDown, match="user"):
        breaker.check()


def test_a_deadline_does_not_open_the_breaker() -> None:
    breaker = Breaker("user", threshold=1)
    breaker.record(DEADLINE_EXCEEDED)
    assert not breaker.is_open
