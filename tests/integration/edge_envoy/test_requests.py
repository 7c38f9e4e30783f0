"""What a hostile or careless HTTP client gets: rows E1 to E12, E17 and E20 of the threat list."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.edge_envoy.harness import Edge
from tests.integration.edge_envoy.raw import exchange, get


async def status(edge: Edge, request: bytes, wait: float = 1.0) -> int:
    return (await exchange(edge.mesh.http, request, wait=wait)).status


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked, identity",
        "Content-Length: +5",
    ],
)
async def test_e1_ambiguous_framing_is_refused_and_the_connection_closed(edge: Edge, lines: str) -> None:
    smuggled = get("/v1/smuggled").decode()
    request = f"POST /v1/things HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n0\r\n\r\n{smuggled}"
    answer = await exchange(edge.mesh.http, request.encode(), wait=2.5)
    assert answer.status in (400, 501)
    assert answer.closed
    assert answer.content.count(b"HTTP/1.1 ") == 1, "what follows must not be taken for a second request"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get("/v1/x", version="HTTP/1.0"), 426),
        (b"GET /v1/x HTTP/1.1\r\n\r\n", 400),
        (get("/v1/x", host="elsewhere.example"), 404),
        (get("http://elsewhere.example/v1/x"), 404),
    ],
)
async def test_e2_old_hostless_and_foreign_requests_are_refused(edge: Edge, request_: bytes, expected: int) -> None:
    assert await status(edge, request_) == expected


@pytest.mark.parametrize("line", ["x-note: a\x00b", "x_user_id: 1"])
async def test_e3_bad_header_bytes_and_underscores_are_refused(edge: Edge, line: str) -> None:
    assert await status(edge, get("/v1/x", line)) == 400


@pytest.mark.parametrize(
    "lines", [["x-big: " + "a" * 13_000], ["x-big: " + "a" * 70_000], [f"x-{n}: 1" for n in range(101)]]
)
async def test_e4_too_many_header_bytes_or_lines_are_431(edge: Edge, lines: list[str]) -> None:
    assert await status(edge, get("/v1/x", *lines)) == 431


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n",
        b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1",
    ],
)
async def test_e5_requests_that_never_end_are_408(edge: Edge, request_: bytes) -> None:
    assert await status(edge, request_, wait=4.0) == 408


async def test_e6_a_body_beyond_the_bound_is_413_and_names_the_bound(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.post("/v1/things", content=b"x" * (2 << 20))
        within = await client.post("/v1/things", content=b"x" * (1 << 20))
    assert answer.status_code == 413
    assert answer.json()["error"]["details"][0]["metadata"] == {"max_bytes": str(1 << 20)}
    assert within.json()["body_bytes"] == 1 << 20


@pytest.mark.parametrize("path", ["/v1/a%2f..%2fadmin", "/v1/a%5c..%5cadmin", "/v1/x%00", "/v1/x#frag"])
async def test_e7_encoded_slashes_nul_and_fragments_are_400(edge: Edge, path: str) -> None:
    assert await status(edge, get(path)) == 400


@pytest.mark.parametrize("path", ["/v1/../metrics", "/v1/%2e%2e/metrics", "/v1/..\\metrics", "//metrics"])
async def test_e8_a_climbing_path_lands_on_the_rule_of_where_it_leads(edge: Edge, path: str) -> None:
    assert await status(edge, get(path)) == 404


async def test_e8_path_parameters_do_not_hide_a_climb(edge: Edge) -> None:
    answer = await exchange(edge.mesh.http, get("/v1;/../admin"))
    assert json.loads(answer.content.split(b"\r\n\r\n", 1)[1])["path"] == "/admin"


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LOCK"])
async def test_e9_methods_outside_the_list_are_405_with_allow(edge: Edge, method: str) -> None:
    answer = await exchange(edge.mesh.http, get("/v1/x").replace(b"GET", method.encode()))
    assert answer.status == 405
    assert b"allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" in answer.content


async def test_e10_connect_and_upgrades_outside_streams_are_refused(edge: Edge) -> None:
    assert await status(edge, b"CONNECT internal:22 HTTP/1.1\r\nHost: internal:22\r\n\r\n") == 404
    assert await status(edge, b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n") == 404
    assert await status(edge, get("/v1/x", "Connection: Upgrade", "Upgrade: websocket")) == 403


async def test_e11_what_is_longer_than_all_headers_together_may_be_is_431(edge: Edge) -> None:
    assert await status(edge, get("/v1/" + "x" * 13_000)) == 431


@pytest.mark.parametrize(
    "path", ["/metrics", "/debug", "/debug/pprof", "/stats/prometheus", "/config_dump", "/quitquitquit"]
)
async def test_e17_nothing_of_the_inside_is_reachable(edge: Edge, path: str) -> None:
    async with edge.client() as client:
        answer = await client.get(path)
    # The admin's own pages: whatever the REST side makes of such a path, it is not Envoy's admin that answers.
    assert answer.status_code == 404 or answer.json()["path"] == path
    assert answer.headers["server"] == "kerya"


async def test_e16_bare_line_feeds_never_reach_the_upstream_as_framing(edge: Edge) -> None:
    answer = await exchange(edge.mesh.http, b"GET /v1/x HTTP/1.1\nHost: localhost\nx-note: 1\n\n")
    if answer.status == 200:
        seen = json.loads(answer.content.split(b"\r\n\r\n", 1)[1])
        assert seen["version"] == "2", "HTTP/2 frames have no lines to be confused about"
    else:
        assert answer.status == 400


async def test_e20_a_compressed_request_body_is_415(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.post("/v1/things", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
        plain = await client.post("/v1/things", content=b"{}", headers={"content-encoding": "identity"})
    assert answer.status_code == 415
    assert answer.json()["error"]["details"][0]["reason"] == "MEDIA_TYPE_UNSUPPORTED"
    assert plain.status_code == 200


async def test_every_refusal_is_an_aip_193_body_in_the_callers_language(edge: Edge) -> None:
    async with edge.client() as client:
        arabic = (await client.get("/metrics", headers={"accept-language": "ar-DZ"})).json()["error"]
    assert arabic["code"] == 404 and arabic["status"] == "NOT_FOUND"
    assert arabic["message"] == "No such path: /metrics."
    info, localized = arabic["details"]
    assert (
        info["reason"] == "ROUTE_NOT_FOUND" and info["domain"] == "kerya" and info["metadata"] == {"path": "/metrics"}
    )
    assert localized["locale"] == "ar" and "/metrics" in localized["message"]


async def test_a_path_cannot_write_into_the_error_body(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.get('/debug/%22,"x":"1', headers={"accept-language": "fr"})
    assert answer.json()["error"]["details"][0]["metadata"]["path"].startswith("/debug/")


async def test_a_request_that_takes_too_long_is_504(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.get("/v1/slow")
    assert answer.status_code == 504
    assert answer.json()["error"]["details"][0]["reason"] == "DEADLINE_PASSED"


async def test_streams_outlive_the_route_timeout(edge: Edge) -> None:
    started = asyncio.get_running_loop().time()
    async with edge.client() as client:
        answer = await client.get("/v1/things/1:watch", headers={"accept": "text/event-stream"})
    assert answer.text.count("data: ") == 4
    assert asyncio.get_running_loop().time() - started > edge.settings.edge_route_timeout


async def test_a_stream_can_be_had_as_a_websocket(edge: Edge) -> None:
    key = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    answer = await exchange(edge.mesh.http, get("/v1/things/1:watch", *key))
    assert answer.status == 101
    assert b"hello" in answer.content
