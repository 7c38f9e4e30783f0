"""What crosses between HTTP and gRPC, and when an answer is still fresh."""

from __future__ import annotations

import pytest

from edge.transcoder.faults import Fault
from edge.transcoder.formats import Events, JsonArray, Lines, choose
from edge.transcoder.headers import Headers, etag_matches, quoted, response_headers
from edge.transcoder.request import Request


def test_only_listed_headers_travel_on() -> None:
    raw = [
        (b"authorization", b"Bearer x"),
        (b"idempotency-key", b"k"),
        (b"x-user-id", b"1"),
        (b"x-kerya-role", b"ADMIN"),
        (b"cookie", b"c"),
        (b"grpc-timeout", b"1H"),
        (b"press-signature", b"s"),
        (b"accept-language", b"\xff"),
    ]
    assert Headers(raw).metadata(("press-signature",)) == [
        ("authorization", "Bearer x"),
        ("idempotency-key", "k"),
        ("press-signature", "s"),
    ]


def test_only_listed_metadata_comes_back() -> None:
    trailing = [("ratelimit", "r"), ("x-internal", "i"), ("grpc-status-details-bin", b"b"), ("retry-after", "3")]
    assert response_headers(None, trailing) == [(b"ratelimit", b"r"), (b"retry-after", b"3")]


@pytest.mark.parametrize(
    ("condition", "matches"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False), ("a", False)],
)
def test_if_none_match(condition: str, matches: bool) -> None:
    assert etag_matches(condition, quoted("a")) is matches


@pytest.mark.parametrize(("text", "seconds"), [("", 5), ("2", 2), ("0.5", 0.5), ("3s", 3), ("60", 10)])
def test_the_timeout_header_is_capped(text: str, seconds: float) -> None:
    assert request_with(text).timeout() == seconds


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "1H"])
def test_a_timeout_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Fault) as caught:
        request_with(text).timeout()
    assert caught.value.violations[0].field == "X-Request-Timeout"


def request_with(timeout: str) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    headers = [(b"x-request-timeout", timeout.encode())]
    scope = {"path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
    return Request(scope, receive)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JsonArray),
        ("*/*", JsonArray),
        ("application/json", JsonArray),
        ("application/x-ndjson", Lines),
        ("text/event-stream", Events),
        ("text/html, text/event-stream;q=0.5", Events),
        ("application/json;q=0.1, application/x-ndjson;q=0.9", Lines),
        ("text/event-stream;q=0, application/json", JsonArray),
    ],
)
def test_the_stream_format_is_chosen_by_accept(accept: str, expected: type) -> None:
    assert isinstance(choose(accept), expected)
