"""Which requests get a span, and what travels on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from edge.transcoder.tracing import Tracing
from services.chassis import telemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def traced(parent: str, ratio: float = 0.0) -> str:
    metadata = [("traceparent", parent)] if parent else []
    with Tracing(ratio).span(metadata, "GET /v1/books/{book_id}"):
        return dict(metadata).get("traceparent", "")


def test_a_sampled_trace_goes_on_under_our_span(spans: InMemorySpanExporter) -> None:
    handed_on = traced(f"00-{TRACE}-b7ad6b7169203331-01")
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /v1/books/{book_id}" and span.kind is trace.SpanKind.SERVER
    assert span.attributes is not None and span.attributes["http.route"] == "/v1/books/{book_id}"
    assert handed_on == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_a_trace_that_is_not_sampled_is_handed_on_untouched(spans: InMemorySpanExporter) -> None:
    for flags in ("00", "02"):
        parent = f"00-{TRACE}-b7ad6b7169203331-{flags}"
        assert traced(parent, ratio=1.0) == parent
    assert spans.get_finished_spans() == ()


def test_without_a_trace_one_begins_only_where_the_ratio_allows(spans: InMemorySpanExporter) -> None:
    assert traced("") == ""
    assert traced("", ratio=1.0) != ""
    assert len(spans.get_finished_spans()) == 1


def test_a_trace_that_is_not_taken_is_handed_on_as_such(spans: InMemorySpanExporter) -> None:
    handed_on = {traced("", ratio=1e-9) for _ in range(50)}
    assert len(handed_on) == 50
    for each in handed_on:
        context = trace.get_current_span(telemetry.extract({"traceparent": each})).get_span_context()
        assert context.is_valid and not context.trace_flags.sampled
    assert spans.get_finished_spans() == ()


def test_as_many_traces_begin_as_the_ratio_says(spans: InMemorySpanExporter) -> None:
    handed_on = [traced("", ratio=0.5) for _ in range(400)]
    taken = [span.context.trace_id for span in spans.get_finished_spans()]
    assert 120 < len(taken) < 280
    assert [int(each.split("-")[1], 16) for each in handed_on if int(each[-2:], 16) & 1] == taken
