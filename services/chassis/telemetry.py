"""Traces: W3C context in every hop, OpenTelemetry spans, exported by OTLP where an endpoint is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis.settings import MeshSettings

_propagator = TraceContextTextMapPropagator()
tracer = trace.get_tracer("kerya.chassis")

# The codes that make a server span an error, by the RPC semantic conventions; the SLOs count the same ones.
SERVER_ERRORS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


def configure(settings: MeshSettings) -> Callable[[], None]:
    """Sets up tracing for the process; answers what flushes and stops it."""
    resource = Resource.create({"service.name": settings.service, "deployment.environment.name": settings.environment})
    sampler = ParentBased(TraceIdRatioBased(settings.trace_ratio))
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    if settings.otlp_endpoint:
        # Imported where it is used: a process that sends no traces need not carry the exporter.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(
            endpoint=settings.otlp_endpoint, insecure=settings.otlp_endpoint.startswith("http://")
        )
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def extract(carrier: Mapping[str, Any]) -> Context:
    """The trace context that came with metadata or message headers."""
    return _propagator.extract(carrier)


def inject(carrier: MutableMapping[str, str]) -> None:
    """Adds `traceparent` of the current span to metadata or message headers."""
    _propagator.inject(carrier)


def traceparent() -> str | None:
    """The current span's W3C traceparent; None outside a trace."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get("traceparent")


class span_under:
    """`with span_under(carrier, name, kind, attributes) as span:` — a span whose parent came in `carrier`."""

    def __init__(
        self, carrier: Mapping[str, Any], name: str, kind: trace.SpanKind, attributes: Mapping[str, Any] | None = None
    ) -> None:
        self._carrier = carrier
        self._arguments = (name, kind, attributes)

    def __enter__(self) -> trace.Span:
        parent = extract(self._carrier) if "traceparent" in self._carrier else None
        name, kind, attributes = self._arguments
        self._span = tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        self._token = otel_context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(self, *error: object) -> None:
        otel_context.detach(self._token)
        self._span.end()
