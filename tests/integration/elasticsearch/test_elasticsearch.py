"""The real Elasticsearch on this machine: fetched, started within its bound, and searched in French and Arabic."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.local.engines import elasticsearch, elasticsearch_distribution
from deploy.local.engines.elasticsearch_probe import capabilities, modules
from deploy.local.home import Home
from deploy.local.probe import free_ports
from deploy.local.process import StartFailed

MISSING = elasticsearch_distribution.missing_tools()
# The heap, and what a JVM, its launcher and Lucene take beside it.
BOUND_MB = elasticsearch.HEAP_MB + 350

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(MISSING), reason=f"Elasticsearch needs {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    try:
        distribution = await elasticsearch_distribution.fetch(Home.find().engine("elasticsearch"))
    except StartFailed as problem:
        pytest.skip(f"Elasticsearch could not be fetched: {problem}")
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="kerya-test-") as directory:
        Path(directory).chmod(0o711)
        running = await elasticsearch.start(elasticsearch.Node(Path(directory) / "node", port), distribution)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as opened:
                opened.headers["x-test-pid"] = str(running.pid)
                yield opened
        finally:
            await running.stop(30)


async def test_french_and_arabic_words_are_found_in_their_other_forms(client: httpx.AsyncClient) -> None:
    fields = {"title_fr": {"type": "text", "analyzer": "french"}, "title_ar": {"type": "text", "analyzer": "arabic"}}
    made = await client.put("/homes", json={"mappings": {"properties": fields}})
    assert made.is_success, made.text
    homes = [
        {"title_fr": "Belle maison près des plages d'Oran", "title_ar": "منزل جميل قرب شواطئ وهران"},
        {"title_fr": "Appartement au centre d'Alger", "title_ar": "شقة في وسط الجزائر"},
    ]
    for number, home in enumerate(homes):
        await client.put(f"/homes/_doc/{number}", json=home, params={"refresh": "true"})

    async def found(field: str, words: str) -> list[str]:
        answer = (await client.post("/homes/_search", json={"query": {"match": {field: words}}})).json()
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    assert await found("title_fr", "maisons") == ["0"], "plural"
    assert await found("title_fr", "appartements") == ["1"]
    assert await found("title_fr", "des au") == [], "stop words find nothing"
    assert await found("title_ar", "المنزل") == ["0"], "with the article"
    assert await found("title_ar", "الشقة") == ["1"]
    assert await found("title_ar", "في") == []


async def test_the_node_can_what_the_decision_record_says(client: httpx.AsyncClient) -> None:
    able = await capabilities(client)
    assert {name for name, value in able.items() if not value} == {
        "field geo_shape",
        "field search_as_you_type",
        "field scaled_float",
        "field percolator",
        "query percolate",
        "query script_score",
    }
    assert "kerya-analysis" in await modules(client)


async def test_an_index_is_never_made_by_a_misspelt_name(client: httpx.AsyncClient) -> None:
    assert (await client.put("/hmoes/_doc/1", json={"a": 1})).status_code == 404


async def test_the_server_keeps_its_memory_bound_and_runs_unprivileged(client: httpx.AsyncClient) -> None:
    launcher = int(client.headers["x-test-pid"])
    forked = [path.read_text().split() for path in Path(f"/proc/{launcher}/task").glob("*/children")]
    tree = [launcher, *(int(child) for children in forked for child in children)]
    assert len(tree) == 2, "the launcher and the server"
    status = {pid: Path(f"/proc/{pid}/status").read_text() for pid in tree}
    resident = sum(int(text.split("VmRSS:")[1].split()[0]) for text in status.values()) // 1024
    print(f"Elasticsearch: {resident} MB resident in {len(tree)} processes")
    assert resident <= BOUND_MB
    if os.geteuid() == 0:
        assert all(text.split("Uid:")[1].split()[0] != "0" for text in status.values())
