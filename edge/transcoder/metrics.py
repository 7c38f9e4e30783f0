"""The edge's request metrics, by method, route and status."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from services.chassis.metrics import REGISTRY, SECONDS, counter, gauge

CACHE_HITS = counter("kerya_edge_cache_hits", "Reads answered from the edge's response cache.", ["method"])
OPEN_STREAMS = gauge("kerya_edge_streams", "Server streams and WebSockets being served.")
_NAME = "kerya_edge_request_duration_seconds"
_BOUNDS = [*map(str, SECONDS), "+Inf"]


class Timing:
    """The durations of one route. Counted in plain lists of the one thread that serves: a tenth of a histogram's cost."""

    __slots__ = ("_by_status", "label", "method", "route")

    def __init__(self, method: str, route: str) -> None:
        self.method = method
        self.route = route
        self.label = f"{method} {route}"
        # status -> requests per bucket, then the sum of seconds
        self._by_status: dict[int, list[float]] = {}

    def observe(self, status: int, elapsed: float) -> None:
        """Counts a request; `elapsed` in seconds."""
        counts = self._by_status.get(status)
        if counts is None:
            counts = self._by_status[status] = [0.0] * (len(_BOUNDS) + 1)
        counts[bisect_left(SECONDS, elapsed)] += 1
        counts[-1] += elapsed

    def samples(self) -> Iterator[tuple[str, list[tuple[str, float]], float]]:
        """By status: cumulative buckets and the sum."""
        for status, counts in self._by_status.items():
            yield str(status), list(zip(_BOUNDS, accumulate(counts[:-1]), strict=True)), counts[-1]


class _Requests(Collector):
    def __init__(self) -> None:
        self.timings: list[Timing] = []

    def collect(self) -> Iterator[HistogramMetricFamily]:
        labels = ["method", "route", "status"]
        family = HistogramMetricFamily(_NAME, "REST requests, by method, route and status.", labels=labels)
        for timing in self.timings:
            for status, buckets, total in timing.samples():
                family.add_metric([timing.method, timing.route, status], buckets, total)
        yield family


_requests = _Requests()
REGISTRY.register(_requests)


def timing(method: str, route: str) -> Timing:
    """The durations of a route, shown from now on."""
    made = next((each for each in _requests.timings if (each.method, each.route) == (method, route)), None)
    if made is None:
        made = Timing(method, route)
        _requests.timings.append(made)
    return made
