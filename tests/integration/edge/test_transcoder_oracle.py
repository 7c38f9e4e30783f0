"""The same requests through Envoy's own transcoder and through ours: the service must hear the same.

Where we differ on purpose, the case says how.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from edge.transcoder.app import Transcoder
from edge.transcoder.upstream import Upstream
from tests.integration.edge.library_server import SERVICE, Library
from tests.unit.edge.library import HERE, compile_protos, contract

ENVOY = Path(sys.executable).parent / "envoy"
JSON = {"content-type": "application/json"}


class Case(NamedTuple):
    """A request; `ours` and `theirs` are the statuses where they differ, and `why`."""

    method: str
    target: str
    body: bytes | None = None
    ours: int = 0
    theirs: int = 0
    why: str = ""
    headers: dict[str, str] = JSON


SAME = [
    Case("GET", "/v1/books/7"),
    Case("GET", "/v1/books/a%2Fb%20c"),
    Case("GET", "/v1/books/%D9%83%D8%AA%D8%A7%D8%A8"),
    Case("GET", "/v1/books/a+b"),
    Case("GET", "/v1/shelves/s/books/b"),
    Case("GET", "/v1/shelves/s/books/b?path=p"),
    Case("GET", "/v1/archive/a/boxes/b%2Fc/d"),
    Case("GET", "/v1/archive/a/boxes"),
    Case("GET", "/v1/numbers/7/POETRY"),
    Case("GET", "/v1/echo/x?inner.number=3"),
    Case("GET", "/v1/echo"),
    Case("GET", "/v1/echo?text=a%20b&count=3&flag=true"),
    Case("GET", "/v1/echo?big=9007199254740993&ratio=1.5"),
    Case("GET", "/v1/echo?maybe_count=4&maybeBig=5"),
    Case("GET", "/v1/echo?kind=POETRY&kinds=FICTION&kinds=2"),
    Case("GET", "/v1/echo?tags=a&tags=b&numbers=1&numbers=2"),
    Case("GET", "/v1/echo?inner.name=n&inner.inner.name=m"),
    Case("GET", "/v1/echo?time=2026-12-31T10:00:00Z&length=3.5s"),
    Case("GET", "/v1/echo?data=aGk%3D&maybe=true&left=l"),
    Case("GET", "/v1/echo?mask=text,count"),
    Case("POST", "/v1/echo", b'{"text":"x","big":"5","kind":"POETRY","inners":[{"name":"a"}],"labels":{"a":"b"}}'),
    Case("POST", "/v1/echo", b'{"text":"x","time":"2026-12-31T10:00:00.5Z","maybe":false,"extra":{"a":[1,null]}}'),
    Case("POST", "/v1/echo", b'{"count":"3","big":4,"ratio":"NaN","data":"AP8=","maybe_count":0}'),
    Case("POST", "/v1/echo", b"{}"),
    Case("POST", "/v1/echo", b""),
    Case("PUT", "/v1/books/7", b'{"book":{"title":"x"},"updateMask":"title"}'),
    Case("PATCH", "/v1/books/7?update_mask=title", b'{"title":"x"}'),
    Case("POST", "/v1/books/7:lend", b""),
    Case("GET", "/v1/books/7:download"),
    # refused by both
    Case("GET", "/v1/nope", ours=404, theirs=404),
    Case("GET", "/v1/echo?nope=1", ours=400, theirs=400),
    Case("GET", "/v1/echo?kind=BLUE", ours=400, theirs=400),
    Case("GET", "/v1/echo?count=x", ours=400, theirs=400),
    Case("GET", "/v1/echo?time=x", ours=400, theirs=400),
    Case("GET", "/v1/numbers/x/POETRY", ours=400, theirs=400),
    Case("POST", "/v1/echo", b'{"text":', ours=400, theirs=400),
    Case("POST", "/v1/echo", b'{"count":"x"}', ours=400, theirs=400),
    Case("GET", "/v1/failures/5", ours=404, theirs=404),
    Case("GET", "/v1/failures/8", ours=429, theirs=429),
    Case("GET", "/v1/failures/14", ours=503, theirs=503),
    Case("GET", "/v1/failures/16", ours=401, theirs=401),
]
DIFFERENT = [
    Case(
        "PATCH", "/v1/books/7?update_mask=title", b'{"bookId":"8"}', ours=400, theirs=200, why="the URL says which book"
    ),
    Case("POST", "/v1/echo", b'{"nope":1}', ours=400, theirs=200, why="an unknown field is a mistake of the caller"),
    Case("POST", "/v1/echo?text=q", b"{}", ours=400, theirs=200, why='body "*" leaves nothing to the query'),
    Case("POST", "/v1/echo", b"{}", ours=415, theirs=200, why="not JSON", headers={"content-type": "text/plain"}),
    Case("GET", "/v1/echo?labels[a]=b", ours=200, theirs=400, why="maps can be bound"),
    Case("GET", "/v1/echo?day=2026-12-31", ours=200, theirs=400, why="a date has a short form"),
    Case("DELETE", "/v1/books", ours=405, theirs=404, why="the path exists"),
    Case("GET", "/v1/books?pageSize=101", ours=400, theirs=200, why="bounds are checked at the edge"),
    Case("DELETE", "/v1/books/7", ours=401, theirs=200, why="a token is needed"),
    Case("GET", "/v1/echo?text=a&text=b", ours=400, theirs=200, why="which one is meant?"),
    Case("POST", "/v1/echo", b'{"text":"a","text":"b"}', ours=400, theirs=200, why="which one is meant?"),
    Case("POST", "/v1/echo", b'{"text":"a\\u0000"}', ours=400, theirs=200, why="no database takes it"),
]


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Library]:
    library = await Library.start()
    yield library
    await library.stop()


@pytest.fixture(scope="module")
async def theirs(served: Library, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """Envoy's transcoder, in its strictest mode."""
    folder = tmp_path_factory.mktemp("envoy")
    # Envoy does not start with a response_body that is no HttpBody.
    with_response_body = r'additional_bindings \{\s+get: "/v1/titles/[^"]*"\s+response_body: "title"\s+\}'
    text = re.sub(with_response_body, "", (HERE / "library.proto").read_text())
    (folder / "plain").mkdir()
    (folder / "plain" / "library.proto").write_text(text)
    (folder / "set.binpb").write_bytes(compile_protos("library.proto", includes=(folder / "plain",)))
    port = _free_port()
    (folder / "envoy.yaml").write_text(yaml.safe_dump(_config(port, served.port, folder / "set.binpb")))
    arguments = ["-c", str(folder / "envoy.yaml"), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
    process = await asyncio.create_subprocess_exec(str(ENVOY), *arguments)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await _until_up(client)
            yield client
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture(scope="module")
async def ours(served: Library) -> AsyncIterator[httpx.AsyncClient]:
    upstream = Upstream("library", served.address, contract().methods)
    transport = httpx.ASGITransport(app=Transcoder(contract(), {"library": upstream}))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
        yield client
    await upstream.close()


@pytest.mark.parametrize("case", SAME, ids=lambda case: f"{case.method} {case.target[:40]} {case.body or ''}")
async def test_both_are_understood_alike(
    case: Case, ours: httpx.AsyncClient, theirs: httpx.AsyncClient, served: Library
) -> None:
    mine, heard = await _ask(ours, case, served)
    envoys, envoy_heard = await _ask(theirs, case, served)
    assert (mine.status_code, envoys.status_code) == (case.ours or 200, case.theirs or 200), (mine.text, envoys.text)
    assert heard == envoy_heard
    if mine.status_code == 200:
        assert _content(mine) == _content(envoys)


@pytest.mark.parametrize("case", DIFFERENT, ids=lambda case: f"{case.method} {case.target} {case.why}")
async def test_the_differences_are_these(
    case: Case, ours: httpx.AsyncClient, theirs: httpx.AsyncClient, served: Library
) -> None:
    mine, _ = await _ask(ours, case, served)
    envoys, _ = await _ask(theirs, case, served)
    assert (mine.status_code, envoys.status_code) == (case.ours, case.theirs), (mine.text, envoys.text)


async def _ask(client: httpx.AsyncClient, case: Case, served: Library) -> tuple[httpx.Response, Any]:
    served.calls.clear()
    headers = case.headers if case.body is not None else {}
    response = await client.request(case.method, case.target, content=case.body, headers=headers)
    heard = [(name, request.to_json()) for name, request, _ in served.calls]
    return response, heard if response.status_code == 200 else None


def _content(response: httpx.Response) -> Any:
    is_json = response.headers["content-type"].startswith("application/json")
    return json.loads(response.content) if is_json else response.content


async def _until_up(client: httpx.AsyncClient) -> None:
    for _ in range(100):
        try:
            await client.get("/v1/books/up")
            return
        except httpx.TransportError:
            await asyncio.sleep(0.1)
    raise AssertionError("Envoy did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _config(port: int, upstream: int, descriptors: Path) -> dict[str, Any]:
    def address(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    strict = {
        "reject_unknown_method": True,
        "reject_unknown_query_parameters": True,
        "reject_binding_body_field_collisions": True,
    }
    transcoder = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        "proto_descriptor": str(descriptors),
        "services": [SERVICE],
        "convert_grpc_status": True,
        "request_validation_options": strict,
    }
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "oracle",
        "http_filters": [
            {"name": "transcoder", "typed_config": transcoder},
            {"name": "router", "typed_config": router},
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "library"}}],
                }
            ]
        },
    }
    protocol = {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    cluster = {
        "name": "library",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
        "load_assignment": {
            "cluster_name": "library",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
        },
    }
    filters = [{"filters": [{"name": "manager", "typed_config": manager}]}]
    listener = {"name": "oracle", "address": address(port), "filter_chains": filters}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
