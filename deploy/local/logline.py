"""One line of some component's output: its level, and how a person reads it."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_ALIASES: Mapping[str, str] = {
    "TRACE": "DEBUG",
    "TRC": "DEBUG",
    "DBG": "DEBUG",
    "INF": "DEBUG",  # NATS and PostgreSQL call their routine news so; a person looks for it when something is wrong
    "LOG": "DEBUG",
    "NOTICE": "INFO",
    "WARN": "WARNING",
    "WRN": "WARNING",
    "ERR": "ERROR",
    "FATAL": "ERROR",
    "FTL": "ERROR",
    "PANIC": "ERROR",
    "CRITICAL": "ERROR",
    "EXCEPTION": "ERROR",
}
# "[INF] …" of NATS, "FATAL:  …" of PostgreSQL, "[warning]" of Envoy before its log is set up, "WARNING - …" of Python.
_WORD = re.compile(r"\b(" + "|".join((*LEVELS, *_ALIASES)) + r")\b", re.IGNORECASE)
_SEARCHED = 80
_REDIS = re.compile(r"^\d+:([A-Z]|signal-handler) ")
_HIDDEN = frozenset(
    {"message", "@timestamp", "log.level", "ecs.version", "service.name", "event.dataset", "log.logger"}
)


def read(text: str) -> tuple[str, str]:
    """Level and readable form. A JSON line in ECS becomes its message followed by its other fields."""
    if text.startswith("{"):
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            return _plain(text)
        if isinstance(fields, dict):
            return _level(str(fields.get("log.level", "INFO"))), _sentence(fields)
    return _plain(text)


def at_least(level: str, wanted: str) -> bool:
    return LEVELS.index(level) >= LEVELS.index(wanted)


def _plain(text: str) -> tuple[str, str]:
    found = _WORD.search(text, 0, _SEARCHED)
    if found:
        return _level(found[1]), text
    return ("DEBUG" if _REDIS.match(text) else "INFO"), text


def _level(word: str) -> str:
    upper = word.upper()
    return upper if upper in LEVELS else _ALIASES.get(upper, "INFO")


def _sentence(fields: Mapping[str, Any]) -> str:
    details = (f"{key}={_value(value)}" for key, value in fields.items() if key not in _HIDDEN)
    return " ".join((str(fields.get("message", "")), *details)).strip()


def _value(value: object) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return repr(text) if " " in text else text
