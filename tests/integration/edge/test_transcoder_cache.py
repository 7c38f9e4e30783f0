"""Reads answered at the edge, and events that make them stale, over a real NATS server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import nats
import pytest

from edge.transcoder.app import Transcoder
from edge.transcoder.cache import ResponseCache
from edge.transcoder.purge import Purger
from edge.transcoder.upstream import Upstream
from services.chassis.supervision import Supervised
from tests.integration.edge.library_server import Library, make
from tests.unit.edge.library import contract


@pytest.fixture
async def cache() -> ResponseCache:
    return ResponseCache(1 << 20)


@pytest.fixture
async def client(library: Library, nats_url: str, cache: ResponseCache) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a transcoder whose cache is live."""
    upstream = Upstream("library", library.address, contract().methods)
    app = Transcoder(contract(), {"library": upstream}, cache=cache)
    purging = Supervised("purges", Purger(contract(), cache, app.forget_tokens, nats_url).run)
    purging.start()
    await _until_live(cache)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://edge") as made:  # type: ignore[arg-type]
        yield made
    await purging.stop()
    await upstream.close()


async def calls(client: httpx.AsyncClient, query: str = "", **headers: str) -> int:
    """How many calls the service had seen when it made the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return int((await client.get(f"/v1/books{query}", headers=named)).json()["calls"])


async def publish(url: str, genre: int) -> None:
    connection = await nats.connect(url)
    await connection.publish("book.changed", make("BookChanged", book_id="1", genre=genre).to_binary())
    await connection.drain()


async def test_a_read_is_answered_once_by_the_service(client: httpx.AsyncClient, library: Library) -> None:
    assert [await calls(client) for _ in range(3)] == [1, 1, 1]
    assert (await client.get("/v1/books")).headers["age"] == "0"
    assert (await client.head("/v1/books")).status_code == 200
    assert len(library.calls) == 1


async def test_what_the_contract_varies_by_is_another_entry(client: httpx.AsyncClient) -> None:
    assert await calls(client, "?pageSize=3") == 1
    assert await calls(client, "?pageSize=4") == 2
    assert await calls(client, "?pageSize=3", accept_language="ar") == 3
    assert await calls(client, "?pageSize=3", user_agent="other") == 1


async def test_what_one_caller_sees_is_not_told_to_another(client: httpx.AsyncClient, library: Library) -> None:
    callers: list[dict[str, str]] = [
        {"x-api-key": "kerya_good"},
        {},
        {"authorization": "Bearer other"},
        {"authorization": "Bearer kerya_good"},
    ]
    for _ in range(2):
        seen = [(await client.get("/v1/loans", headers=each)).json().get("books", []) for each in callers]
        assert [[book["title"] for book in books] for books in seen] == [
            ["Bearer token-1"],
            [],
            ["Bearer other"],
            ["Bearer token-1"],
        ]
    assert [name for name, *_ in library.calls].count("ListLoans") == len(callers), "the second round is the cache's"


async def test_an_event_makes_it_visible_at_once(client: httpx.AsyncClient, nats_url: str) -> None:
    assert (await calls(client, "?genre=FICTION"), await calls(client, "?genre=POETRY")) == (1, 2)
    await publish(nats_url, genre=1)
    async with asyncio.timeout(0.5):
        while await calls(client, "?genre=FICTION") == 1:
            await asyncio.sleep(0.005)
    assert await calls(client, "?genre=POETRY") == 2


async def test_errors_and_other_methods_are_never_kept(client: httpx.AsyncClient, library: Library) -> None:
    for _ in range(2):
        assert (await client.get("/v1/books?pageSize=101")).status_code == 400
        await client.get("/v1/books/7")
    assert [name for name, *_ in library.calls] == ["GetBook", "GetBook"]


async def test_without_its_events_the_cache_is_off(
    client: httpx.AsyncClient, cache: ResponseCache, library: Library
) -> None:
    await calls(client)
    cache.suspend()
    assert [await calls(client), await calls(client)] == [2, 3]


async def test_it_waits_for_a_bus_that_is_down(cache: ResponseCache) -> None:
    purging = Supervised("purges", Purger(contract(), cache, lambda: None, "nats://127.0.0.1:1").run)
    purging.start()
    await asyncio.sleep(0.3)
    assert not cache.live
    await purging.stop()


async def test_a_purger_that_failed_starts_again_and_forgets_the_tokens(cache: ResponseCache, nats_url: str) -> None:
    forgotten: list[bool] = []

    def forget() -> None:
        forgotten.append(cache.live)
        if len(forgotten) == 1:
            raise KeyError("a fault of ours")

    purging = Supervised("purges", Purger(contract(), cache, forget, nats_url).run, pause=0.01)
    purging.start()
    await _until_live(cache)
    assert forgotten == [False, False], "before the cache is live"
    await purging.stop()
    assert not cache.live


async def _until_live(cache: ResponseCache) -> None:
    async with asyncio.timeout(10):
        while not cache.live:
            await asyncio.sleep(0.01)
