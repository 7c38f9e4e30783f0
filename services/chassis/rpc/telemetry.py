"""One server span and one duration per RPC, with the names of the RPC semantic conventions."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from services.chassis.call import Call
from services.chassis.metrics import SERVER_SECONDS, UNDER_WAY
from services.chassis.rpc.pipeline import Proceed
from services.chassis.telemetry import SERVER_ERRORS, span_under


class TelemetryStage:
    """The outermost stage: it sees every call, however it ends."""

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        started = time.perf_counter()
        UNDER_WAY.inc()
        attributes = {"rpc.system.name": "grpc", "rpc.method": call.rule.full_name}
        with span_under(call.metadata, call.rule.full_name, SpanKind.SERVER, attributes) as span:
            try:
                return await proceed(call)
            except BaseException:
                if call.code == "OK":
                    # Neither an answer nor an error of ours: the caller went away, or its deadline passed.
                    call.code = "CANCELLED"
                raise
            finally:
                UNDER_WAY.dec()
                SERVER_SECONDS.labels(call.rule.full_name, call.code).observe(time.perf_counter() - started)
                _close(span, call.code)


def _close(span: trace.Span, code: str) -> None:
    if not span.is_recording():
        return
    span.set_attribute("rpc.status_code", code)
    if code in SERVER_ERRORS:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", code)
