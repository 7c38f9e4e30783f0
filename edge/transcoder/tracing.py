"""A span per request whose trace is sampled; every other request only hands its traceparent on."""

from __future__ import annotations

from contextlib import nullcontext
from random import getrandbits, random
from typing import Any

from opentelemetry import trace

from services.chassis.telemetry import inject, span_under

_SKIPPED: nullcontext[None] = nullcontext()
# The flags' first bit; the second one only says that the trace's id is random.
_NOT_SAMPLED = ("-00", "-02")


class Tracing:
    """Follows the caller's decision; where there is none, `ratio` of the traces begin here.

    The process' own sampler must take what reaches it: to ask it costs a span, more than half of a request's other work.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio

    def span(self, metadata: list[tuple[str, str]], route: str) -> Any:
        """A context manager around the call; while it is open, `metadata` carries the span's own traceparent."""
        parent = next((value for key, value in metadata if key == "traceparent"), "")
        if parent.endswith(_NOT_SAMPLED) or (not parent and not self._ratio):
            return _SKIPPED
        if not parent and random() >= self._ratio:
            metadata.append(("traceparent", _not_sampled()))
            return _SKIPPED
        return _Traced(metadata, route, parent)


def _not_sampled() -> str:
    """A trace that nobody records: said once here, so that no service behind begins another."""
    digits = f"{getrandbits(192):048x}"
    return f"00-{digits[:32]}-{digits[32:]}-00"


class _Traced:
    def __init__(self, metadata: list[tuple[str, str]], route: str, parent: str) -> None:
        self._metadata = metadata
        carrier = {"traceparent": parent} if parent else {}
        self._span = span_under(carrier, route, trace.SpanKind.SERVER, {"http.route": route.partition(" ")[2]})

    def __enter__(self) -> None:
        self._span.__enter__()
        carrier: dict[str, str] = {}
        inject(carrier)
        kept = [pair for pair in self._metadata if pair[0] not in ("traceparent", "tracestate")]
        self._metadata[:] = [*kept, *carrier.items()]

    def __exit__(self, *error: object) -> None:
        self._span.__exit__(*error)
