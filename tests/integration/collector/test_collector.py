"""Spans that the OpenTelemetry exporter sends are found by their trace id, in memory and in the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode, format_trace_id

from deploy.local.probe import free_ports


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(OTLP address, page URL) of a running collector that keeps ten spans."""
    grpc_port, http_port = free_ports(2)
    environment = os.environ | {
        "KERYA_COLLECTOR_LISTEN": f"127.0.0.1:{grpc_port}",
        "KERYA_COLLECTOR_HTTP_LISTEN": f"127.0.0.1:{http_port}",
        "KERYA_COLLECTOR_DIRECTORY": str(tmp_path),
        "KERYA_COLLECTOR_SPANS": "10",
    }
    process = subprocess.Popen([sys.executable, "-m", "deploy.local.collector"], env=environment)
    url, end = f"http://127.0.0.1:{http_port}", time.monotonic() + 15
    while time.monotonic() < end:
        try:
            httpx.get(f"{url}/healthz").raise_for_status()
            break
        except httpx.HTTPError:
            time.sleep(0.05)
    yield f"127.0.0.1:{grpc_port}", url
    process.terminate()
    assert process.wait(timeout=10) == 0


def test_a_trace_is_found_until_newer_ones_push_it_out(collector: tuple[str, str], tmp_path: Path) -> None:
    address, url = collector
    provider = TracerProvider(resource=Resource({"service.name": "booking"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=address, insecure=True)))
    tracer = provider.get_tracer("test")
    attributes = {"rpc.system": "grpc", "sizes": [1, 2]}
    with (
        tracer.start_as_current_span("CreateBooking <b>", attributes=attributes) as root,
        tracer.start_as_current_span("INSERT night") as child,
    ):
        child.set_status(Status(StatusCode.ERROR))
    trace_id = format_trace_id(root.get_span_context().trace_id)

    parent, child_span = httpx.get(f"{url}/traces/{trace_id}").json()["spans"]
    assert (parent["name"], parent["service"], parent["attributes"]["sizes"]) == (
        "CreateBooking <b>",
        "booking",
        [1, 2],
    )
    assert (child_span["parent_span_id"], child_span["status"]) == (parent["span_id"], "ERROR")
    assert parent["start"] <= child_span["start"] <= child_span["end"] <= parent["end"]
    (summary,) = httpx.get(f"{url}/traces").json()["traces"]
    assert (summary["name"], summary["spans"], summary["errors"]) == ("CreateBooking <b>", 2, 1)
    assert "CreateBooking &lt;b&gt;" in httpx.get(url).text
    assert "INSERT night" in httpx.get(f"{url}/traces/{trace_id}/page").text

    for number in range(10):
        tracer.start_span(f"newer {number}").end()
    provider.shutdown()
    assert httpx.get(f"{url}/traces/{trace_id}").status_code == 404
    (file,) = tmp_path.glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == 12 and sum(line["trace_id"] == trace_id for line in lines) == 2
