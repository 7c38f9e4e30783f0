"""A client span for each SQL statement, and its duration, by the database semantic conventions."""

from __future__ import annotations

import re
import time
from functools import lru_cache

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from services.chassis.metrics import seconds
from services.chassis.telemetry import tracer

STATEMENT_SECONDS = seconds(
    "db_client_operation_duration_seconds", "SQL statements, by operation and table.", ["db_query_summary"]
)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+\"?(\w+)", re.IGNORECASE)


def on_statement(statement: str, duration: float, error: BaseException | None) -> None:
    """Records a statement that just ended; called in the task that ran it. Values are never looked at."""
    summary = summarize(statement)
    STATEMENT_SECONDS.labels(summary).observe(duration)
    if not trace.get_current_span().is_recording():
        return
    ended = time.time_ns()
    span = tracer.start_span(
        summary,
        kind=SpanKind.CLIENT,
        attributes={"db.system.name": "postgresql", "db.query.summary": summary},
        start_time=ended - int(duration * 1e9),
    )
    if error is not None:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", type(error).__qualname__)
    span.end(ended)


@lru_cache(maxsize=512)
def summarize(statement: str) -> str:
    """Operation and first table, "SELECT booking": few enough values for a metric's label."""
    text = statement.lstrip()
    table = _TABLE.search(text)
    operation = text.split(None, 1)[0].upper() if text else ""
    return f"{operation} {table.group(1)}" if table else operation
