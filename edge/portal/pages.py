"""The edge's own pages: health for machines and for people, and the API's description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import Any

import orjson

from edge.portal.reference import render
from edge.transcoder.readiness import Readiness
from edge.transcoder.request import Request
from edge.transcoder.response import Response

Page = Callable[[Request], Awaitable[Response]]

_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
_HTML = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
]
_WORDS = {"SERVING": "serving", "NOT_SERVING": "not serving", "UNREACHABLE": "unreachable"}


def portal(readiness: Readiness, document: dict[str, Any]) -> Mapping[str, Page]:
    """The pages by path. `document` is the OpenAPI document."""
    openapi, reference = orjson.dumps(document), render(document).encode()

    async def healthz(request: Request) -> Response:
        return Response(200, list(_JSON), b'{"status":"ok"}')

    async def readyz(request: Request) -> Response:
        report = {"ready": readiness.ready, "services": readiness.services}
        return Response(200 if readiness.ready else 503, list(_JSON), orjson.dumps(report))

    async def status(request: Request) -> Response:
        return Response(200 if readiness.complete else 503, list(_HTML), _status_page(readiness).encode())

    async def description(request: Request) -> Response:
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"max-age=60")]
        return Response(200, headers, openapi)

    async def docs(request: Request) -> Response:
        return Response(200, list(_HTML), reference)

    return {
        "/healthz": healthz,
        "/readyz": readyz,
        "/status": status,
        "/openapi.json": description,
        "/docs": docs,
    }


def _status_page(readiness: Readiness) -> str:
    rows = "".join(
        f'<tr class="{state.lower()}"><th scope="row">{escape(name)}</th><td>{_WORDS[state]}</td></tr>'
        for name, state in sorted(readiness.services.items())
    )
    down = sum(state != "SERVING" for state in readiness.services.values())
    headline = (
        "Everything answers" if readiness.complete else f"{down} of {len(readiness.services)} services do not answer"
    )
    return _PAGE.format(headline=headline, rows=rows)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>Kerya status</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 34rem; margin: 4rem auto; padding: 0 1rem }}
table {{ width: 100%; border-collapse: collapse }}
th, td {{ padding: .6rem 0; border-bottom: 1px solid #8884; text-align: left; font-weight: 400 }}
td {{ text-align: right }}
td::after {{ content: ""; display: inline-block; width: .7rem; height: .7rem; margin-left: .6rem; border-radius: 50% }}
.serving td::after {{ background: #1a7f37 }} .not_serving td::after {{ background: #bf8700 }}
.unreachable td::after {{ background: #cf222e }}
</style>
<h1>{headline}</h1><table><tbody>{rows}</tbody></table></html>
"""
