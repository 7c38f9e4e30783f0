"""The OTLP face."""

from __future__ import annotations

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from deploy.local.collector.spans import Lines, Spans, flatten

MAX_MESSAGE = 16 * 1024 * 1024


class Receiver(TraceServiceServicer):
    """Takes exports: into memory, and into the file."""

    def __init__(self, spans: Spans, lines: Lines) -> None:
        self._spans = spans
        self._lines = lines

    async def Export(
        self,
        request: ExportTraceServiceRequest,
        context: grpc.aio.ServicerContext[ExportTraceServiceRequest, ExportTraceServiceResponse],
    ) -> ExportTraceServiceResponse:
        documents = list(flatten(request))
        self._spans.add(documents)
        self._lines.write(documents)
        return ExportTraceServiceResponse()


async def listen(receiver: Receiver, address: str) -> grpc.aio.Server:
    """The started server. Plain text: it is for loopback only."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_MESSAGE)])
    add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call]  # its package has no stubs
    if not server.add_insecure_port(address):
        raise OSError(f"cannot listen on {address}")
    await server.start()
    return server
