"""Structured logs: one JSON object a line, keys of the Elastic Common Schema, no personal data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import orjson
import structlog
from google.protobuf.message import Message
from opentelemetry import trace

from services.chassis.contract import Contract

ECS_VERSION = "9.0.0"
_REDACTED = "[redacted]"
# Names that carry secrets or people wherever they turn up, beside what the contract marks.
_SENSITIVE = frozenset({"authorization", "password", "token", "secret", "email", "phone", "cookie", "x-api-key"})


def configure(service: str, level: str) -> None:
    """Sets up structlog and the standard library's logging to write JSON lines to standard output."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", key="@timestamp"),
            _Ecs(service),
            _redact,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Forward()], force=True)


class _Forward(logging.Handler):
    """Hands records of libraries to structlog, so that every line has one shape."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


class _Ecs:
    """Names fields as ECS does and joins the line to its trace."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        event["message"] = event.pop("event", "")
        event["log.level"] = event.pop("level", method)
        event["service.name"] = self._service
        event["ecs.version"] = ECS_VERSION
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            event["trace.id"] = f"{context.trace_id:032x}"
            event["span.id"] = f"{context.span_id:016x}"
        error = event.pop("exc_info", None)
        if error:
            event.update(_exception(error))
        return event


def _exception(error: Any) -> dict[str, Any]:
    """Type and stack only: the message of an unknown exception may hold anything a caller sent."""
    if error is True:
        error = sys.exc_info()
    raised = error[1] if isinstance(error, tuple) else error
    if not isinstance(raised, BaseException):
        return {}
    frames: list[str] = []
    step = raised.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        frames.append(f"{code.co_filename}:{step.tb_lineno} {code.co_qualname}")
        step = step.tb_next
    cause = raised.__cause__ or raised.__context__
    return {
        "error.type": f"{type(raised).__module__}.{type(raised).__qualname__}",
        "error.cause": type(cause).__qualname__ if cause else "",
        "error.stack_trace": "\n".join(frames),
    }


def _redact(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if key.lower() in _SENSITIVE:
            event[key] = _REDACTED
        elif isinstance(value, Message):
            event[key] = redacted(value)
    return event


def redacted(message: Message) -> dict[str, Any]:
    """The set fields of a message, without the values of those that the contract marks as personal."""
    personal = Contract.load().personal.get(message.DESCRIPTOR.full_name, {})
    return {field.name: _REDACTED if field.name in personal else _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return redacted(value)
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, str | int | float | bool):
        return value
    return [_plain(item) for item in value] if not isinstance(value, Mapping) else _REDACTED


def _dumps(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=repr)
