"""What the response cache keeps, and what makes it forget."""

from __future__ import annotations

import time
from typing import Any

import pytest

from edge.transcoder.cache import ResponseCache, fill
from edge.transcoder.response import Response
from tests.unit.edge.library import contract


def cache(max_bytes: int = 1 << 20) -> ResponseCache:
    made = ResponseCache(max_bytes)
    made.resume()
    time.sleep(0.001)
    return made


def put(
    target: ResponseCache, key: bytes, *tags: str, body: bytes = b"{}", ttl: float = 60, started: float = 0
) -> None:
    headers = [(b"etag", b'"1"'), (b"ratelimit", b"r"), (b"retry-after", b"1")]
    target.put(key, Response(200, headers, body), ttl, tags, started or time.monotonic())


def test_an_entry_is_kept_without_what_was_meant_for_one_caller() -> None:
    target = cache()
    put(target, b"k")
    entry = target.get(b"k")
    assert entry is not None
    assert entry.response.headers == [(b"etag", b'"1"')]
    assert entry.etag == '"1"'


def test_an_entry_ends_with_its_time() -> None:
    target = cache()
    put(target, b"k", ttl=0.01)
    time.sleep(0.02)
    assert target.get(b"k") is None


def test_a_purge_takes_every_entry_with_the_tag_and_no_other() -> None:
    target = cache()
    put(target, b"a", "book:1", "books")
    put(target, b"b", "book:2", "books")
    put(target, b"c", "book:3")
    target.purge(["book:1"])
    assert [target.get(key) is None for key in (b"a", b"b", b"c")] == [True, False, False]
    target.purge(["books", "unheard"])
    assert [target.get(key) is None for key in (b"a", b"b", b"c")] == [True, True, False]


def test_an_answer_asked_for_before_a_purge_is_not_kept() -> None:
    target = cache()
    started = time.monotonic()
    time.sleep(0.001)
    target.purge(["book:1"])
    put(target, b"old", "book:1", started=started)
    put(target, b"other", "book:2", started=started)
    put(target, b"new", "book:1")
    assert [target.get(key) is None for key in (b"old", b"other", b"new")] == [True, False, False]


def test_nothing_is_kept_or_answered_while_purges_may_be_missed() -> None:
    target = cache()
    put(target, b"k")
    started = time.monotonic()
    target.suspend()
    assert target.get(b"k") is None
    put(target, b"k")
    target.resume()
    assert target.get(b"k") is None
    put(target, b"k", started=started)
    assert target.get(b"k") is None


def test_the_least_used_go_first_when_it_is_full() -> None:
    target = cache(max_bytes=3 * 1024)
    for key in (b"a", b"b", b"c"):
        put(target, key, "t", body=b"x" * 512)
    assert target.get(b"a")
    put(target, b"d", "t", body=b"x" * 512)
    assert [target.get(key) is None for key in (b"a", b"b", b"c", b"d")] == [False, True, False, False]
    put(target, b"huge", body=b"x" * 4096)
    assert target.get(b"huge") is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"book_id": "7", "genre": 2}, ("book:7", "genre:2", "all")), ({}, ("book:", "genre:0", "all"))],
)
def test_tags_take_their_values_from_the_message(fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    message = contract().message("kerya.library.v1.Book")(**fields)
    assert fill(["book:{book_id}", "genre:{genre}", "all"], message) == expected
