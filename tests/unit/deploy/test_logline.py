"""Log lines of every component: their level, and what a person reads."""

import json

import pytest

from deploy.local import logline


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[16340] 2026/11/23 22:46:33.880460 [WRN] Plaintext passwords detected", "WARNING"),
        ("[16340] 2026/11/23 22:46:33.880410 [INF] Starting nats-server", "DEBUG"),
        ("LOG:  database system is ready to accept connections", "DEBUG"),
        ("FATAL:  the database system is starting up", "ERROR"),
        ("16337:M 23 Nov 2026 22:46:33.838 # Server initialized", "DEBUG"),
        ("[2026-11-23 22:46:33.838][1][warning][config] deprecated field", "WARNING"),
        ("Traceback (most recent call last):", "INFO"),
        ("a login of somebody", "INFO"),
    ],
)
def test_the_level_of_a_plain_line(text: str, level: str) -> None:
    assert logline.read(text) == (level, text)


def test_a_json_line_becomes_a_sentence() -> None:
    line = json.dumps(
        {
            "message": "request",
            "log.level": "error",
            "service.name": "user",
            "@timestamp": "2026-11-23T22:46:33Z",
            "rpc.method": "Login",
            "duration": 12,
            "reason": "two words",
        }
    )
    assert logline.read(line) == ("ERROR", "request rpc.method=Login duration=12 reason='two words'")


def test_a_line_that_only_looks_like_json_is_shown_as_it_is() -> None:
    assert logline.read("{not json") == ("INFO", "{not json")


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", False), ("INFO", False), ("WARNING", True), ("ERROR", True)])
def test_the_filter_keeps_what_is_grave_enough(level: str, shown: bool) -> None:
    assert logline.at_least(level, "WARNING") is shown
