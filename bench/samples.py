"""What many samples of one quantity say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True)
class Summary:
    """The median, and the bounds of the middle half."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> tuple[float, float]:
        return self.low, self.high


def summary(samples: Sequence[float]) -> Summary:
    """ValueError for no sample at all; one sample is its own median and bounds."""
    if not samples:
        raise ValueError("no samples")
    if len(samples) == 1:
        return Summary(samples[0], samples[0], samples[0])
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return Summary(median(samples), low, high)


def ratios(own: Sequence[float], others: Sequence[float]) -> Summary:
    """Of samples taken in turns: each is compared with its neighbour, so that what slowed both divides out."""
    return summary([mine / theirs for mine, theirs in zip(own, others, strict=True)])
