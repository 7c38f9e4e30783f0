"""Spans: flat JSON documents out of OTLP, the newest of them in memory, all of them as lines in a file."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

Document = dict[str, Any]

KINDS = {number: name.removeprefix("SPAN_KIND_") for name, number in Span.SpanKind.items()}
STATUSES = {number: name.removeprefix("STATUS_CODE_") for name, number in Status.StatusCode.items()}


def flatten(request: ExportTraceServiceRequest) -> Iterator[Document]:
    """One document per span: ids in hex, times in Unix nanoseconds, the resource's `service.name` as `service`."""
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes).get("service.name", "")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _document(span, service)


def _document(span: Span, service: str) -> Document:
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "service": service,
        "name": span.name,
        "kind": KINDS[span.kind],
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "status": STATUSES[span.status.code],
        "attributes": _attributes(span.attributes),
        "events": [
            {"name": event.name, "time": event.time_unix_nano, "attributes": _attributes(event.attributes)}
            for event in span.events
        ],
        "links": [{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()} for link in span.links],
    }


def _attributes(pairs: Iterable[KeyValue]) -> Document:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(entry) for entry in value.array_value.values]
        case "kvlist_value":
            return _attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
        case kind:
            return getattr(value, kind)


class Spans:
    """The newest spans by trace. The trace that was touched longest ago goes first when `capacity` is reached."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._count = 0
        self._traces: OrderedDict[str, list[Document]] = OrderedDict()

    def add(self, spans: Iterable[Document]) -> None:
        for span in spans:
            self._traces.setdefault(span["trace_id"], []).append(span)
            self._traces.move_to_end(span["trace_id"])
            self._count += 1
        while self._count > self._capacity:
            _, oldest = self._traces.popitem(last=False)
            self._count -= len(oldest)

    def trace(self, trace_id: str) -> list[Document]:
        """The spans of a trace, earliest first; empty for an unknown one."""
        return sorted(self._traces.get(trace_id, ()), key=lambda span: span["start"])

    def recent(self, limit: int) -> list[Document]:
        """One line per trace, newest first: its root (or earliest span), services, span count, errors, duration."""
        return [self._summary(trace_id) for trace_id in list(reversed(self._traces))[:limit]]

    def _summary(self, trace_id: str) -> Document:
        spans = self.trace(trace_id)
        root = next((span for span in spans if not span["parent_span_id"]), spans[0])
        return {
            "trace_id": trace_id,
            "name": root["name"],
            "services": sorted({span["service"] for span in spans}),
            "spans": len(spans),
            "errors": sum(span["status"] == "ERROR" for span in spans),
            "start": root["start"],
            "milliseconds": round((max(span["end"] for span in spans) - spans[0]["start"]) / 1e6, 3),
        }


class Lines:
    """JSON lines, one file a day; a file that grows beyond `limit` bytes is set aside once as `.1` and begun anew."""

    def __init__(self, directory: Path, limit: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._limit = limit

    def write(self, spans: Iterable[Document]) -> None:
        path = self._directory / f"{time.strftime('%Y-%m-%d', time.gmtime())}.jsonl"
        if path.exists() and path.stat().st_size > self._limit:
            path.replace(path.with_suffix(".1.jsonl"))
        with path.open("ab") as file:
            file.write(b"".join(orjson.dumps(span) + b"\n" for span in spans))
