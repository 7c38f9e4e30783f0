"""Path templates of google.api.http: what is one, and what it captures."""

from __future__ import annotations

import pytest

from edge.transcoder.template import Template, TemplateFault, Variable, parse


def one(name: str, at: int) -> Variable:
    return Variable(tuple(name.split(".")), at, at + 1, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/v1/books", Template(("v1", "books"), "", ())),
        ("/v1/books:search", Template(("v1", "books"), "search", ())),
        ("/a", Template(("a",), "", ())),
        ("/a:v", Template(("a",), "v", ())),
        ("/a/*", Template(("a", "*"), "", ())),
        ("/a/**", Template(("a", "**"), "", ())),
        ("/**", Template(("**",), "", ())),
        ("/*:v", Template(("*",), "v", ())),
        ("/**:v", Template(("**",), "v", ())),
        ("/.well-known/jwks.json", Template((".well-known", "jwks.json"), "", ())),
        ("/a/{b}", Template(("a", "*"), "", (one("b", 1),))),
        ("/a/{b}:c", Template(("a", "*"), "c", (one("b", 1),))),
        ("/a/{b=*}", Template(("a", "*"), "", (one("b", 1),))),
        ("/a/{b.c.d}", Template(("a", "*"), "", (one("b.c.d", 1),))),
        ("/a/{b}/c/{d}", Template(("a", "*", "c", "*"), "", (one("b", 1), one("d", 3)))),
        ("/a/{b=**}", Template(("a", "**"), "", (Variable(("b",), 1, None, True),))),
        ("/a/{b=**}:c", Template(("a", "**"), "c", (Variable(("b",), 1, None, True),))),
        ("/v1/{n=s/*/b/*}", Template(("v1", "s", "*", "b", "*"), "", (Variable(("n",), 1, 5, True),))),
        ("/v1/{n=s/*}/x", Template(("v1", "s", "*", "x"), "", (Variable(("n",), 1, 3, True),))),
        ("/v1/{n=s/**}", Template(("v1", "s", "**"), "", (Variable(("n",), 1, None, True),))),
        ("/{a}/{b=c/**}", Template(("*", "c", "**"), "", (one("a", 0), Variable(("b",), 1, None, True)))),
        ("/v1/{n=literal}", Template(("v1", "literal"), "", (Variable(("n",), 1, 2, True),))),
        ("/a/b%20c", Template(("a", "b%20c"), "", ())),
    ],
)
def test_a_template_is_read(text: str, expected: Template) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a/b",
        "//",
        "/a/",
        "/a//b",
        "/**/a",
        "/**/**",
        "/{a=**}/b",
        "/{a=**/b}",
        "/{a={b}}",
        "/{a",
        "/a}",
        "/{}",
        "/{a}{b}",
        "/x{a}",
        "/{a}x",
        "/{a.}",
        "/{.a}",
        "/{1a}",
        "/{a-b}",
        "/{a=}",
        "/{a=/b}",
        "/{a=b//c}",
        "/{a}/{a}",
        "/a:",
        "/a:b:c",
        "/a:b/c",
        "/a:{b}",
        "/a b",
        "/a?b",
        "/a#b",
        "/%zz",
    ],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateFault):
        parse(text)
