"""Stays: half-open ranges of nights, and where a free one is near."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stay:
    """The nights from `check_in` up to, and without, `check_out`; at least one where it is what a client asks for."""

    check_in: date
    check_out: date

    @property
    def length(self) -> int:
        """How many nights."""
        return (self.check_out - self.check_in).days

    @property
    def last_night(self) -> date:
        """The day the last night begins."""
        return self.check_out - DAY

    def nights(self) -> list[date]:
        """The days the nights begin, in order."""
        return [self.check_in + DAY * number for number in range(self.length)]

    def moved(self, days: int) -> Stay:
        """The same length, `days` later."""
        return Stay(self.check_in + DAY * days, self.check_out + DAY * days)


def from_nights(first: date, last: date) -> Stay:
    """The range from the night of `first` to the night of `last`, both included."""
    return Stay(first, last + DAY)


def ranges(nights: Iterable[date]) -> list[Stay]:
    """The nights as the fewest ranges, in order."""
    found: list[Stay] = []
    for night in sorted(nights):
        if found and found[-1].check_out == night:
            found[-1] = Stay(found[-1].check_in, night + DAY)
        else:
            found.append(Stay(night, night + DAY))
    return found


def alternatives(wanted: Stay, taken: Collection[date], window: Stay, most: int = 3) -> list[Stay]:
    """Up to `most` free stays of the wanted length inside `window`, the nearest first, none overlapping another.

    `taken` must hold every taken night of the window. Of two equally near the earlier comes first.
    """
    found: list[Stay] = []
    for stay in _by_distance(wanted, window):
        nights = stay.nights()
        if any(night in taken for night in nights) or any(_overlap(stay, other) for other in found):
            continue
        found.append(stay)
        if len(found) == most:
            break
    return found


def _by_distance(wanted: Stay, window: Stay) -> Iterator[Stay]:
    before = (wanted.check_in - window.check_in).days
    after = (window.check_out - wanted.check_out).days
    for distance in range(1, max(before, after) + 1):
        if distance <= before:
            yield wanted.moved(-distance)
        if distance <= after:
            yield wanted.moved(distance)


def _overlap(one: Stay, other: Stay) -> bool:
    return one.check_in < other.check_out and other.check_in < one.check_out
