"""Which route a path takes."""

from __future__ import annotations

import pytest

from edge.transcoder.routes import RouteConflict, RouteTable
from edge.transcoder.template import parse


def table(*routes: str) -> RouteTable[str]:
    made: RouteTable[str] = RouteTable()
    for route in routes:
        method, _, template = route.partition(" ")
        made.add(method, parse(template), route)
    return made


ROUTES = table(
    "GET /v1/books",
    "POST /v1/books",
    "GET /v1/books/{id}",
    "GET /v1/books/new",
    "DELETE /v1/books/{id}",
    "GET /v1/books:search",
    "POST /v1/books/{id}:lend",
    "GET /v1/books/{id}/pages/{page}",
    "GET /v1/files/{name=**}",
    "GET /v1/files/{name=**}:meta",
    "GET /v1/files/fixed/{name}",
    "GET /v1/{name=shelves/*/books/*}",
    "GET /v1/{name=shelves/*}",
    "* /v1/any",
    "GET /{all=**}:dump",
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/books", "GET /v1/books"),
        ("POST", "/v1/books", "POST /v1/books"),
        ("GET", "/v1/books/7", "GET /v1/books/{id}"),
        ("GET", "/v1/books/new", "GET /v1/books/new"),
        # the literal has no DELETE, the variable has
        ("DELETE", "/v1/books/new", "DELETE /v1/books/{id}"),
        ("GET", "/v1/books:search", "GET /v1/books:search"),
        ("POST", "/v1/books/7:lend", "POST /v1/books/{id}:lend"),
        ("GET", "/v1/books/7/pages/3", "GET /v1/books/{id}/pages/{page}"),
        ("GET", "/v1/files", "GET /v1/files/{name=**}"),
        ("GET", "/v1/files/a", "GET /v1/files/{name=**}"),
        ("GET", "/v1/files/a/b/c", "GET /v1/files/{name=**}"),
        ("GET", "/v1/files/a/b:meta", "GET /v1/files/{name=**}:meta"),
        ("GET", "/v1/files:meta", "GET /v1/files/{name=**}:meta"),
        ("GET", "/v1/files/fixed/x", "GET /v1/files/fixed/{name}"),
        # the fixed branch ends too early, the rest takes it
        ("GET", "/v1/files/fixed/x/y", "GET /v1/files/{name=**}"),
        ("GET", "/v1/shelves/1/books/2", "GET /v1/{name=shelves/*/books/*}"),
        ("GET", "/v1/shelves/1", "GET /v1/{name=shelves/*}"),
        ("PURGE", "/v1/any", "* /v1/any"),
        ("GET", "/x/y/z:dump", "GET /{all=**}:dump"),
        # a colon that is escaped belongs to the value
        ("GET", "/v1/books/a%3Ab", "GET /v1/books/{id}"),
        # a colon before the last segment, too
        ("GET", "/v1/books/a:b/pages/1", "GET /v1/books/{id}/pages/{page}"),
    ],
)
def test_a_path_finds_its_route(method: str, path: str, expected: str) -> None:
    match = ROUTES.find(method, path)
    assert match is not None and match.target == expected


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/books/",
        "/v1//books",
        "/v1/books//pages/3",
        "/v1/books/7/pages",
        "/v1/books/7/pages/3/4",
        "/v1/books/7:nope",
        "/v1/books:nope",
        "/v1/books/7:",
        "/v1/files/a//b",
        "/v1/files/",
        "/v1/shelves/1/books",
        "/V1/books",
        "/v1/Books",
        "/v2/books",
        "/v1/books/7:lend/x",
    ],
)
def test_an_unknown_path_has_no_route_and_no_methods(path: str) -> None:
    assert ROUTES.find("GET", path) is None
    assert ROUTES.allowed(path) == set()


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/books", {"GET", "POST"}),
        ("/v1/books/7", {"GET", "DELETE"}),
        ("/v1/books/new", {"GET", "DELETE"}),
        ("/v1/books/7:lend", {"POST"}),
    ],
)
def test_a_known_path_tells_its_methods(path: str, methods: set[str]) -> None:
    assert ROUTES.find("PATCH", path) is None
    assert ROUTES.allowed(path) == methods


@pytest.mark.parametrize(
    ("first", "second"), [("/a/{b}", "/a/{c}"), ("/a/*", "/a/{c}"), ("/a/{b=**}", "/a/**"), ("/a:v", "/a:v")]
)
def test_a_path_bound_twice_is_refused(first: str, second: str) -> None:
    with pytest.raises(RouteConflict):
        table(f"GET {first}", f"GET {second}")


def test_the_same_path_may_have_a_verb_and_other_methods() -> None:
    assert table("GET /a/{b}", "POST /a/{b}", "GET /a/{b}:v").allowed("/a/x") == {"GET", "POST"}
