"""The edge's request metrics, by method, route and status."""

from __future__ import annotations

from prometheus_client import Histogram

from services.chassis.metrics import counter, gauge, seconds

REQUEST_SECONDS = seconds(
    "kerya_edge_request_duration_seconds", "REST requests, by method, route and status.", ["method", "route", "status"]
)
CACHE_HITS = counter("kerya_edge_cache_hits", "Reads answered from the edge's response cache.", ["method"])
OPEN_STREAMS = gauge("kerya_edge_streams", "Server streams and WebSockets being served.")


class Timing:
    """The durations of one route; a status' series is looked up once."""

    __slots__ = ("_by_status", "_method", "_route", "label")

    def __init__(self, method: str, route: str) -> None:
        self._method = method
        self._route = route
        self.label = f"{method} {route}"
        self._by_status: dict[int, Histogram] = {}

    def observe(self, status: int, elapsed: float) -> None:
        """Counts a request; `elapsed` in seconds."""
        series = self._by_status.get(status)
        if series is None:
            series = self._by_status[status] = REQUEST_SECONDS.labels(self._method, self._route, str(status))
        series.observe(elapsed)


def timing(method: str, route: str) -> Timing:
    """The durations of a route."""
    return Timing(method, route)
