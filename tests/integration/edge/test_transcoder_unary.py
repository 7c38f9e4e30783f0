"""REST requests against a real gRPC server: what the service hears, and what the caller reads."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.integration.edge.library_server import Library, make

AUTH = {"authorization": "Bearer token"}


def reason(response: httpx.Response) -> str:
    """The reason of an error, whose body has the one shape."""
    error = response.json()["error"]
    assert set(error) == {"code", "status", "message", "details"}
    assert error["code"] == response.status_code
    infos = [each for each in error["details"] if each["@type"].endswith("ErrorInfo")]
    assert len(infos) == 1
    return str(infos[0]["reason"])


async def test_a_read(client: httpx.AsyncClient, library: Library) -> None:
    response = await client.get("/v1/books/a%2Fb")
    assert response.status_code == 200
    assert response.json() == {"bookId": "a/b", "title": "Nedjma", "pages": "9007199254740993", "etag": "v1"}
    assert response.headers["content-type"] == "application/json"
    assert response.headers["etag"] == '"v1"'
    assert response.headers["ratelimit"] == '"default";r=9;t=60'
    assert "x-internal" not in response.headers
    assert library.last.book_id == "a/b"


async def test_a_read_that_the_caller_has_already(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/books/7", headers={"if-none-match": 'W/"v1"'})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", '"v1"')
    assert (await client.get("/v1/books/7", headers={"if-none-match": '"v0"'})).status_code == 200


async def test_head_has_the_headers_of_get_and_no_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head("/v1/books/7"), await client.get("/v1/books/7")
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(get.headers)
    assert (await client.head("/v1/nope")).status_code == 404


async def test_response_body_is_one_field(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/titles/7")).json() == "Nedjma"


@pytest.mark.parametrize("key", ["clé".encode(), b"a\x01b", b"\xff"])
async def test_a_key_that_cannot_travel_on_does_not_run_the_write_without_it(
    client: httpx.AsyncClient, library: Library, key: bytes
) -> None:
    for verb, path in (("POST", "/v1/books/7:lend"), ("POST", "/v1/books")):
        headers = [(b"authorization", b"Bearer token"), (b"idempotency-key", key)]
        response = await client.request(
            verb, path, headers=headers, json={"title": "x"} if path == "/v1/books" else None
        )
        assert (response.status_code, reason(response)) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert library.calls == []
    assert (await client.get("/v1/books/7", headers=[(b"idempotency-key", key)])).status_code == 200


async def test_a_write_hands_on_what_it_should(client: httpx.AsyncClient, library: Library) -> None:
    headers = AUTH | {
        "idempotency-key": "k1",
        "accept-language": "fr",
        "if-match": '"v1"',
        "x-request-id": "r",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "x-user-id": "root",
        "cookie": "c",
    }
    response = await client.post("/v1/books?validateOnly=true", json={"title": "Nedjma", "genre": 1}, headers=headers)
    assert response.json() == {"title": "Nedjma", "genre": "FICTION"}
    assert library.last.validate_only
    metadata = library.metadata
    assert metadata["authorization"] == "Bearer token"
    assert (metadata["idempotency-key"], metadata["if-match"], metadata["x-request-id"]) == ("k1", '"v1"', "r")
    assert metadata["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert not {"x-user-id", "cookie", "host", "content-type-http"} & set(metadata)


async def test_an_empty_answer_is_an_empty_object(client: httpx.AsyncClient) -> None:
    assert (await client.delete("/v1/books/7", headers=AUTH)).json() == {}


async def test_a_patch_derives_its_mask(client: httpx.AsyncClient, library: Library) -> None:
    await client.patch("/v1/books/7", json={"title": "x", "publishTime": None})
    assert list(library.last.update_mask.paths) == ["title", "publish_time"]
    assert library.last.book.book_id == "7"


async def test_an_etag_that_is_old(client: httpx.AsyncClient) -> None:
    response = await client.patch("/v1/books/7", json={"title": "x"}, headers={"if-match": '"old"'})
    assert (response.status_code, reason(response)) == (412, "ETAG_MISMATCH")


async def test_bytes_go_through_as_they_are(client: httpx.AsyncClient, library: Library) -> None:
    download = await client.get("/v1/books/7:download")
    assert (download.headers["content-type"], download.content) == ("text/calendar; charset=utf-8", b"\x00BEGIN")
    headers = {"content-type": "text/x-press", "press-signature": "t=1,v1=ff", "x-other": "no"}
    seen = await client.post("/v1/webhooks/press", content=b'{"a": \x00\xff', headers=headers)
    assert library.last.data == b'{"a": \x00\xff'
    assert seen.json()["contentType"] == "text/x-press"
    assert seen.json()["metadata"]["press-signature"] == "t=1,v1=ff"
    assert "x-other" not in seen.json()["metadata"]


async def test_a_client_stream_is_an_array_or_lines(client: httpx.AsyncClient, library: Library) -> None:
    assert (await client.post("/v1/books:import", json=[{"title": "a"}, {"title": "b"}])).json() == {"count": 2}
    lines = b'{"title":"a"}\n\n{"title":"b"}\n{"title":"c"}'
    response = await client.post("/v1/books:import", content=lines, headers={"content-type": "application/x-ndjson"})
    assert response.json() == {"count": 3}
    assert [book.title for book in library.last] == ["a", "b", "c"]
    for wrong in ({"title": "a"}, [{"nope": 1}], [{"title": "x" * 61}]):
        assert (await client.post("/v1/books:import", json=wrong)).status_code == 400
    assert len(library.calls) == 2


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/v1/nope", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/v1/books/7:nope", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/v1/audits/7", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/kerya.library.v1.LibraryService/GetBook", 404, "ROUTE_NOT_FOUND"),
        ("DELETE", "/v1/books", 405, "METHOD_NOT_ALLOWED"),
        ("TRACE", "/v1/books", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/books/7:lend", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/books?nope=1", 400, "INVALID_REQUEST"),
        ("GET", "/v1/books?pageSize=101", 400, "INVALID_REQUEST"),
        ("GET", "/v1/books/%ff", 400, "INVALID_REQUEST"),
        ("GET", "/v1/books/" + "x" * 41, 400, "INVALID_REQUEST"),
        ("GET", "/v1/books?genre=" + "x" * 4100, 414, "INVALID_REQUEST"),
        ("DELETE", "/v1/books/7", 401, "TOKEN_MISSING"),
        ("POST", "/v1/books", 401, "TOKEN_MISSING"),
    ],
)
async def test_refusals_never_reach_the_service(
    client: httpx.AsyncClient, library: Library, method: str, path: str, status: int, expected: str
) -> None:
    response = await client.request(method, path)
    assert (response.status_code, reason(response)) == (status, expected)
    assert response.headers["content-type"] == "application/json"
    assert library.calls == []


async def test_a_wrong_method_is_told_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/books")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    options = await client.options("/v1/books")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert (await client.options("/v1/nope")).status_code == 404
    assert (await client.put("/v1/any")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "content", "status", "expected"),
    [
        ({"content-type": "text/plain"}, b"{}", 415, "MEDIA_TYPE_UNSUPPORTED"),
        ({}, b"{}", 415, "MEDIA_TYPE_UNSUPPORTED"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"text=a", 415, "MEDIA_TYPE_UNSUPPORTED"),
        ({"content-type": "application/json; charset=utf-16"}, b"{}", 415, "MEDIA_TYPE_UNSUPPORTED"),
        ({"content-type": "application/json", "content-encoding": "gzip"}, b"\x1f\x8b", 415, "MEDIA_TYPE_UNSUPPORTED"),
        ({"content-type": "application/json"}, b'{"text":"' + b"x" * (64 << 10) + b'"}', 413, "BODY_TOO_LARGE"),
        ({"content-type": "application/json"}, b'{"text":', 400, "BODY_MALFORMED"),
        ({"content-type": "application/json"}, b'{"nope":1}', 400, "BODY_MALFORMED"),
        ({"content-type": "application/json"}, b"[" * 60_000, 400, "BODY_MALFORMED"),
        ({"content-type": "application/json", "x-request-timeout": "soon"}, b"{}", 400, "INVALID_REQUEST"),
    ],
)
async def test_bodies_that_are_refused(
    client: httpx.AsyncClient, library: Library, headers: dict[str, str], content: bytes, status: int, expected: str
) -> None:
    response = await client.post("/v1/echo", content=content, headers=headers)
    assert (response.status_code, reason(response)) == (status, expected)
    assert library.calls == []


async def test_a_body_without_a_length_is_bounded_too(client: httpx.AsyncClient, library: Library) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 1 << 20:
            sent += 8192
            yield b" " * 8192

    response = await client.post("/v1/echo", content=endless(), headers={"content-type": "application/json"})
    assert (response.status_code, reason(response)) == (413, "BODY_TOO_LARGE")
    assert sent <= (64 << 10) + 8192 * 2


@pytest.mark.parametrize(
    "media", ["application/json; charset=UTF-8", "application/merge-patch+json", "APPLICATION/JSON"]
)
async def test_json_by_its_other_names(client: httpx.AsyncClient, media: str) -> None:
    response = await client.post("/v1/echo", content=b'{"count":"3"}', headers={"content-type": media})
    assert response.json() == {"count": 3}


async def test_a_services_error_comes_through(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/failures/5")
    assert (response.status_code, reason(response)) == (404, "BOOK_BURNT")
    error = response.json()["error"]
    assert (error["status"], error["message"]) == ("NOT_FOUND", "The book is burnt: %/é.")
    assert "select" not in response.text
    limited = await client.get("/v1/failures/8")
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize("code", [2, 13, 14, 15])
async def test_a_bare_error_hides_the_inside(client: httpx.AsyncClient, code: int) -> None:
    response = await client.get(f"/v1/failures/{code}?bare=true")
    assert response.status_code in (500, 503)
    assert "10.0.0.7" not in response.text
    assert reason(response)


async def test_errors_speak_the_callers_language(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/nope", headers={"accept-language": "ar"})
    localized = next(each for each in response.json()["error"]["details"] if each["@type"].endswith("LocalizedMessage"))
    assert localized == {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "ar",
        "message": "مسار غير موجود: /v1/nope.",
    }


async def test_a_deadline_is_kept(client: httpx.AsyncClient, library: Library) -> None:
    response = await asyncio.wait_for(client.get("/v1/books/slow", headers={"x-request-timeout": "0.2"}), 2)
    assert (response.status_code, reason(response)) == (504, "DEADLINE_PASSED")
    await asyncio.sleep(0.1)
    assert library.cancelled == 1


async def test_a_service_that_is_down_is_503_and_soon_fast(client: httpx.AsyncClient, library: Library) -> None:
    await library.stop()
    started = asyncio.get_running_loop().time()
    answers = [await client.get(f"/v1/failures/{code}") for code in range(12)]
    assert {response.status_code for response in answers} == {503}
    assert {reason(response) for response in answers} == {"DEPENDENCY_UNAVAILABLE"}
    assert answers[-1].headers["retry-after"] == "1"
    before = asyncio.get_running_loop().time()
    await client.get("/v1/books/7")
    assert asyncio.get_running_loop().time() - before < 0.05
    assert before - started < 5


async def test_an_api_key_is_exchanged_once_and_its_token_travels(client: httpx.AsyncClient, library: Library) -> None:
    for headers in ({"x-api-key": "kerya_good"}, {"authorization": "Bearer kerya_good"}):
        assert (await client.delete("/v1/books/7", headers=headers)).status_code == 200
        assert library.metadata["authorization"] == "Bearer token-1"
        assert "x-api-key" not in library.metadata
    assert [name for name, *_ in library.calls] == ["Exchange", "DeleteBook", "DeleteBook"]


async def test_a_token_near_its_end_is_exchanged_anew(client: httpx.AsyncClient, library: Library) -> None:
    library.token_seconds = 10
    for _ in range(2):
        await client.delete("/v1/books/7", headers={"x-api-key": "kerya_good"})
    assert [name for name, *_ in library.calls].count("Exchange") == 2


async def test_a_refused_key_is_the_services_error(client: httpx.AsyncClient, library: Library) -> None:
    response = await client.delete("/v1/books/7", headers={"x-api-key": "kerya_bad"})
    assert (response.status_code, reason(response)) == (401, "API_KEY_INVALID")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert [name for name, *_ in library.calls] == ["Exchange"]


async def test_everything_a_message_can_hold_comes_back(client: httpx.AsyncClient) -> None:
    sent = {
        "text": "كتاب",
        "big": "-9223372036854775808",
        "data": "AP8=",
        "kinds": ["FICTION"],
        "labels": {"a": "b"},
        "time": "2026-12-31T10:00:00.5Z",
        "maybe": False,
        "inner": {"inner": {"number": 1}},
        "maybeCount": 0,
        "left": "",
    }
    response = await client.post("/v1/echo", json=sent)
    assert response.json() == sent | {"time": "2026-12-31T10:00:00.500Z"}
    assert json.loads(make("EchoRequest", text="x").to_json()) == {"text": "x"}
