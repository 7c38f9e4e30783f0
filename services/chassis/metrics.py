"""Prometheus metrics of the process: the RPC metrics of the semantic conventions, and what a service declares."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY = CollectorRegistry(auto_describe=True)
# The buckets that the RPC semantic conventions advise, in seconds.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    """A counter; `name` without the "_total" that the exposition adds."""
    return Counter(name, text, labels, registry=REGISTRY)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge."""
    return Gauge(name, text, labels, registry=REGISTRY)


def seconds(name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
    """A histogram of durations in seconds."""
    return Histogram(name, text, labels, buckets=SECONDS, registry=REGISTRY)


def exposition() -> tuple[bytes, str]:
    """The metrics as OpenMetrics text, and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST  # type: ignore[no-untyped-call]


SERVER_SECONDS = seconds(
    "rpc_server_call_duration_seconds", "RPCs served, by full method and status.", ["rpc_method", "rpc_status_code"]
)
CLIENT_SECONDS = seconds(
    "rpc_client_call_duration_seconds", "RPCs made, by full method and status.", ["rpc_method", "rpc_status_code"]
)
UNDER_WAY = gauge("rpc_server_calls_under_way", "RPCs being worked on.")
