"""Path, query and body become a message, strictly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.transcoder.binding import Binding
from edge.transcoder.contract import ContractFault, HttpBinding
from edge.transcoder.faults import Fault
from edge.transcoder.routes import RouteTable
from edge.transcoder.validation import validate
from tests.unit.edge.library import contract

METHODS = {method.name: method for method in contract().methods}


def bind(name: str, verb: str, target: str, body: Any = None) -> dict[str, Any]:
    """The request message of a call, as JSON."""
    path, _, query = target.partition("?")
    table: RouteTable[Binding] = RouteTable()
    for http in METHODS[name].bindings:
        binding = Binding(METHODS[name], http)
        table.add(http.verb, binding.template, binding)
    match = table.find(verb, path)
    assert match is not None, target
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    message = match.target.message(match.segments, query, raw)
    validate(message)
    made: dict[str, Any] = json.loads(message.to_json(registry=contract().registry))
    return made


def refusal(name: str, verb: str, target: str, body: Any = None) -> tuple[str, dict[str, str]]:
    """The reason of a refusal, and its violations."""
    with pytest.raises(Fault) as caught:
        bind(name, verb, target, body)
    return caught.value.reason, {each.field: each.description for each in caught.value.violations}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/books/a%2Fb%20c", {"bookId": "a/b c"}),
        ("/v1/books/%D9%83%D8%AA%D8%A7%D8%A8", {"bookId": "كتاب"}),
        ("/v1/books/a+b", {"bookId": "a+b"}),
        ("/v1/books/a%3Ab", {"bookId": "a:b"}),
        ("/v1/shelves/s/books/b", {"shelf": "s", "bookId": "b"}),
        ("/v1/shelves/s/books/b?path=p", {"shelf": "s", "bookId": "b", "path": "p"}),
        ("/v1/archive/a/boxes/b", {"path": "archive/a/boxes/b"}),
        ("/v1/archive/a/boxes", {"path": "archive/a/boxes"}),
        ("/v1/archive/a%20x/boxes/b%2Fc/d", {"path": "archive/a x/boxes/b%2Fc/d"}),
        ("/v1/archive/a/boxes/b%2fc", {"path": "archive/a/boxes/b%2Fc"}),
    ],
)
def test_path_captures(target: str, expected: dict[str, Any]) -> None:
    assert bind("GetBook", "GET", target) == expected


def test_captures_of_numbers_enums_and_nested_fields() -> None:
    assert bind("Echo", "GET", "/v1/numbers/7/POETRY") == {"count": 7, "kind": "POETRY"}
    assert bind("Echo", "GET", "/v1/echo/x?inner.number=3") == {"inner": {"name": "x", "number": 3}}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("text=a+b%2B", {"text": "a b+"}),
        ("text=", {}),
        ("text=a=b", {"text": "a=b"}),
        ("&text=a&", {"text": "a"}),
        ("count=-3", {"count": -3}),
        ("big=9007199254740993", {"big": "9007199254740993"}),
        ("ratio=1.5e3", {"ratio": 1500.0}),
        ("flag=true", {"flag": True}),
        ("data=aGk=", {"data": "aGk="}),
        ("data=aGk%3D", {"data": "aGk="}),
        ("kind=POETRY", {"kind": "POETRY"}),
        ("kind=2", {"kind": "POETRY"}),
        ("kinds=FICTION&kinds=2", {"kinds": ["FICTION", "POETRY"]}),
        ("tags=a&tags=b", {"tags": ["a", "b"]}),
        ("numbers=1&numbers=2", {"numbers": [1, 2]}),
        ("labels[a]=1&labels[b c]=2", {"labels": {"a": "1", "b c": "2"}}),
        ("labels%5Ba%5D=1", {"labels": {"a": "1"}}),
        ("counts[x]=5", {"counts": {"x": 5}}),
        ("inner.name=n&inner.inner.name=m", {"inner": {"name": "n", "inner": {"name": "m"}}}),
        ("time=2026-12-31T10:00:00%2B01:00", {"time": "2026-12-31T09:00:00Z"}),
        ("length=3.5s", {"length": "3.500s"}),
        ("mask=text,inner.name", {"mask": "text,inner.name"}),
        ("maybe=false", {"maybe": False}),
        ("maybe_big=5", {"maybeBig": "5"}),
        ("maybeBig=5", {"maybeBig": "5"}),
        ("maybeCount=0", {"maybeCount": 0}),
        ("day=2026-12-31", {"day": {"year": 2026, "month": 12, "day": 31}}),
        ("day.year=2026", {"day": {"year": 2026}}),
        ("extra=%7B%22a%22:true%7D", {"extra": {"a": True}}),
        ("value=%5B1,%22x%22%5D", {"value": [1.0, "x"]}),
        ("right=3", {"right": 3}),
    ],
)
def test_query_parameters(query: str, expected: dict[str, Any]) -> None:
    assert bind("Echo", "GET", f"/v1/echo?{query}") == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("nope=1", "nope"),
        ("Text=a", "Text"),
        ("inner=x", "inner"),
        ("inner.nope=x", "inner.nope"),
        ("text.length=3", "text.length"),
        ("inners.name=x", "inners.name"),
        ("inners=x", "inners"),
        ("labels=x", "labels"),
        ("labels.a=x", "labels.a"),
        ("text[a]=x", "text[a]"),
        ("text=a&text=b", "text"),
        ("text=a&text=", "text"),
        ("maybe_big=5&maybeBig=6", "maybeBig"),
        ("labels[a]=1&labels[a]=2", "labels[a]"),
        ("count=x", "count"),
        ("count=", "count"),
        ("count=%201", "count"),
        ("count=1.5", "count"),
        ("count=2147483648", "count"),
        ("count=0x1", "count"),
        ("big=9223372036854775808", "big"),
        ("ratio=x", "ratio"),
        ("flag=1", "flag"),
        ("flag=TRUE", "flag"),
        ("flag", "flag"),
        ("kind=poetry", "kind"),
        ("kind=99", "kind"),
        ("data=%21%21", "data"),
        ("time=tomorrow", "time"),
        ("time=2026-12-31T23:59:61Z", "time"),
        ("time=0000-01-01T00:00:00Z", "time"),
        ("length=3h", "length"),
        ("day=31.12.2026", "day"),
        ("extra=%7B", "extra"),
        ("text=%00", "text"),
        ("text=%ff", "text"),
        ("text=%zz", "text"),
        (
            "inner.inner.inner.inner.inner.inner.inner.inner.name=x",
            "inner.inner.inner.inner.inner.inner.inner.inner.name",
        ),
    ],
)
def test_a_query_that_does_not_fit_names_its_parameter(query: str, field: str) -> None:
    reason, violations = refusal("Echo", "GET", f"/v1/echo?{query}")
    assert reason == "INVALID_REQUEST"
    assert list(violations) == [field]


def test_every_wrong_parameter_is_named_at_once() -> None:
    _, violations = refusal("Echo", "GET", "/v1/echo?nope=1&flag=2&kind=X")
    assert violations == {
        "nope": "unknown parameter",
        "flag": "true or false is expected",
        "kind": "one of FICTION, POETRY is expected",
    }


def test_a_parameter_may_not_repeat_what_the_path_or_the_body_says() -> None:
    assert refusal("GetBook", "GET", "/v1/books/7?book_id=8")[1] == {"book_id": "already given by the path"}
    assert refusal("Echo", "GET", "/v1/echo/x?inner.name=y")[1] == {"inner.name": "already given by the path"}
    assert refusal("CreateBook", "POST", "/v1/books?book.title=x", {})[1] == {"book.title": "already given by the body"}


def test_a_method_whose_body_is_everything_takes_no_query() -> None:
    reason, violations = refusal("Echo", "POST", "/v1/echo?text=a&count=1", {})
    assert reason == "INVALID_REQUEST"
    assert list(violations) == ["text", "count"]


def test_a_body_that_is_one_field_leaves_the_others_to_the_query() -> None:
    made = bind("CreateBook", "POST", "/v1/books?validate_only=true", {"title": "Nedjma"})
    assert made == {"book": {"title": "Nedjma"}, "validateOnly": True}


def test_an_empty_body_is_an_empty_message() -> None:
    assert bind("Echo", "POST", "/v1/echo", b"") == {}


def test_path_and_body_must_agree() -> None:
    assert bind("UpdateBook", "PUT", "/v1/books/7", {"book": {"bookId": "7", "title": "x"}})["book"]["bookId"] == "7"
    assert bind("UpdateBook", "PUT", "/v1/books/7", {"book": {"book_id": "7"}}) == {"book": {"bookId": "7"}}
    for body in ({"book": {"bookId": "8"}}, {"book": {"book_id": "8"}}):
        assert refusal("UpdateBook", "PUT", "/v1/books/7", body)[1] == {"book.bookId": "the path and the body differ"}
    assert "book.bookId" in refusal("UpdateBook", "PATCH", "/v1/books/7", {"bookId": "8"})[1]


def test_a_patch_without_a_mask_updates_what_its_body_names() -> None:
    body = {"title": "x", "authors": None, "publishTime": None, "bookId": "7"}
    assert bind("UpdateBook", "PATCH", "/v1/books/7", body)["updateMask"] == "title,authors,publishTime"
    card = bind("UpdateCard", "PATCH", "/v1/cards/7", {"displayName": "x", "cardId": "7", "etag": "e"})
    assert card == {"cardId": "7", "displayName": "x", "etag": "e", "updateMask": "displayName"}


def test_a_given_mask_stays() -> None:
    body = {"title": "x", "pages": 3}
    assert bind("UpdateBook", "PATCH", "/v1/books/7?update_mask=title", body)["updateMask"] == "title"
    assert bind("UpdateBook", "PUT", "/v1/books/7", {"book": {"title": "x"}}).get("updateMask") is None
    given = {"displayName": "x", "updateMask": "displayName"}
    assert bind("UpdateCard", "PATCH", "/v1/cards/7", given)["updateMask"] == "displayName"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"nope": 1}, "nope"),
        ({"Text": "a"}, "Text"),
        ({"inner": {"nope": 1}}, "inner.nope"),
        ({"inners": [{"name": "a"}, {"nope": 1}]}, "inners[1].nope"),
        ({"inners": {}}, "inners"),
        ({"inners": [None]}, "inners[0]"),
        ({"tags": [None]}, "tags[0]"),
        ({"tags": "a"}, "tags"),
        ({"inner": []}, "inner"),
        ({"inner": "x"}, "inner"),
        ({"labels": []}, "labels"),
        ({"text": 1}, "text"),
        ({"text": {}}, "text"),
        ({"text": "a\0"}, "text"),
        ({"tags": ["a\0"]}, "tags[0]"),
        ({"labels": {"a": "b\0"}}, "labels['a']"),
        ({"count": 2147483648}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": "x"}, "count"),
        ({"count": True}, "count"),
        ({"numbers": [1, "x"]}, "numbers"),
        ({"big": 1.5}, "big"),
        ({"flag": "true"}, "flag"),
        ({"flag": 1}, "flag"),
        ({"kind": "BLUE"}, "kind"),
        ({"kind": 99}, "kind"),
        ({"kind": "poetry"}, "kind"),
        ({"time": "2026-13-01T00:00:00Z"}, "time"),
        ({"time": 5}, "time"),
        ({"length": "3"}, "length"),
        ({"left": "a", "right": 1}, "right"),
        ({"maybe_big": "1", "maybeBig": "1"}, "maybeBig"),
        ({"inner": {"inner": {"number": "x"}}}, "inner.inner.number"),
        ({"inners": [{"number": 1}, {"number": []}]}, "inners[1].number"),
        ({"counts": {"a": "x"}}, "counts"),
    ],
)
def test_a_body_that_does_not_fit_names_its_field(body: Any, field: str) -> None:
    reason, violations = refusal("Echo", "POST", "/v1/echo", body)
    assert reason == "BODY_MALFORMED"
    assert list(violations) == [field]


@pytest.mark.parametrize(
    "text",
    [
        b'{"text":',
        b"[]",
        b'"x"',
        b"3",
        b"null",
        b'{"text":"a"} x',
        b"{'text':'a'}",
        b'{"text":"a",}',
        b'{"text":"a","text":"b"}',
        b'{"labels":{"a":"1","a":"2"}}',
        b'{"ratio":NaN}',
        b'{"ratio":Infinity}',
        b'{"ratio":1e999}',
        b'{"extra":{"a":NaN}}',
        b'{"extra":{"a":1e999}}',
        b'{"count":' + b"9" * 5000 + b"}",
        b'{"text":"\\ud800"}',
        b'{"extra":{"\\ud800":1}}',
        b'{"extra":{"a":"\\u0000"}}',
        b'{"text":"\xff"}',
        b"\xef\xbb\xbf{}",
        '{"text":"a"}'.encode("utf-16"),
        b'{"inner":' * 2000 + b"{}" + b"}" * 2000,
        b'{"inner":' * 80 + b"{}" + b"}" * 80,
        b"[" * 100_000,
        b'{"value":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"extra":' + b'{"a":' * 20_000,
        b'{"text":"a\nb"}',
    ],
)
def test_hostile_json_is_refused_and_nothing_of_the_inside_is_told(text: bytes) -> None:
    with pytest.raises(Fault) as caught:
        bind("Echo", "POST", "/v1/echo", text)
    assert caught.value.reason == "BODY_MALFORMED"
    problem = caught.value.metadata["problem"]
    assert problem and len(problem) < 200
    assert not any(word in problem for word in ("kerya.", "google.", "class", "Traceback", "0x"))


def test_what_stands_in_json_arrives_whole() -> None:
    body = {
        "text": "كتاب\n",
        "big": 9007199254740993,
        "ratio": "NaN",
        "kind": 1,
        "inners": [{"name": "a"}],
        "value": None,
        "time": "2026-12-31T10:00:00.123456789Z",
        "maybe": None,
    }
    made = bind("Echo", "POST", "/v1/echo", body)
    assert made == {
        "text": "كتاب\n",
        "big": "9007199254740993",
        "ratio": "NaN",
        "kind": "FICTION",
        "inners": [{"name": "a"}],
        "value": None,
        "time": "2026-12-31T10:00:00.123456789Z",
    }


def test_a_method_without_a_body_takes_none() -> None:
    assert bind("LendBook", "POST", "/v1/books/7:lend", {}) == {"bookId": "7"}
    assert refusal("LendBook", "POST", "/v1/books/7:lend", {"a": 1})[0] == "BODY_MALFORMED"


def test_bounds_are_checked_and_named_by_json_path() -> None:
    book = {"title": "x" * 61, "pages": -1, "authors": [{"name": "a"}, {"name": ""}]}
    reason, violations = refusal("CreateBook", "POST", "/v1/books", book)
    assert reason == "INVALID_REQUEST"
    assert list(violations) == ["book.title", "book.pages", "book.authors[1].name"]
    assert refusal("ListBooks", "GET", "/v1/books?pageSize=101")[1].keys() == {"pageSize"}


@pytest.mark.parametrize(
    ("method", "http"),
    [
        ("GetBook", HttpBinding("GET", "/v1/{nope}", "", "")),
        ("GetBook", HttpBinding("GET", "/v1/{bookId}", "", "")),
        ("Echo", HttpBinding("GET", "/v1/{tags}", "", "")),
        ("Echo", HttpBinding("GET", "/v1/{labels}", "", "")),
        ("Echo", HttpBinding("GET", "/v1/{inner}", "", "")),
        ("Echo", HttpBinding("GET", "/v1/{time}", "", "")),
        ("Echo", HttpBinding("POST", "/v1/x", "nope", "")),
        ("Echo", HttpBinding("POST", "/v1/x", "inner.name", "")),
        ("Echo", HttpBinding("POST", "/v1/{text}", "text", "")),
    ],
)
def test_a_binding_that_breaks_the_rules_does_not_load(method: str, http: HttpBinding) -> None:
    with pytest.raises(ContractFault):
        Binding(METHODS[method], http)
