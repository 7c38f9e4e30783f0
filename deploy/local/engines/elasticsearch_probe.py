"""What an Elasticsearch node can do, asked of the node itself: the bare server lacks modules the full one has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

ANALYZERS = ("standard", "simple", "whitespace", "arabic", "english", "french")
FIELD_TYPES: Mapping[str, Mapping[str, Any]] = {
    **{name: {} for name in ("text", "keyword", "long", "double", "boolean", "date", "date_range", "geo_point")},
    **{name: {} for name in ("nested", "flattened", "completion", "geo_shape", "search_as_you_type", "scaled_float")},
    "percolator": {},
    "dense_vector": {"dims": 3},
}
_POINT = {"lat": 36.75, "lon": 3.06}
QUERIES: Mapping[str, Mapping[str, Any]] = {
    "match": {"text": "sea"},
    "multi_match": {"query": "sea", "fields": ["text"]},
    "match_bool_prefix": {"text": "by the se"},
    "fuzzy": {"text": "see"},
    "geo_distance": {"distance": "5km", "place": _POINT},
    "geo_bounding_box": {"place": {"top_left": {"lat": 37, "lon": 3}, "bottom_right": {"lat": 36, "lon": 4}}},
    "range": {"date": {"gte": "2026-01-01"}},
    "function_score": {"query": {"match_all": {}}, "weight": 2},
    "distance_feature": {"field": "place", "pivot": "1km", "origin": _POINT},
    "more_like_this": {"fields": ["text"], "like": "sea"},
    "percolate": {"field": "query", "document": {}},
    "script_score": {"query": {"match_all": {}}, "script": {"source": "1"}},
}
_INDEX = "kerya-probe"
_FIELDS = {"text": {"type": "text"}, "place": {"type": "geo_point"}, "date": {"type": "date"}}


async def modules(client: httpx.AsyncClient) -> list[str]:
    """The names of the node's modules."""
    answer = (await client.get("/_nodes/plugins")).json()
    return sorted(module["name"] for node in answer["nodes"].values() for module in node["modules"])


async def capabilities(client: httpx.AsyncClient) -> dict[str, bool]:
    """By "analyzer french", "field percolator", "query geo_distance" and so on. Uses an index of its own, briefly."""
    return {name: able async for name, able in _tried(client)}


async def _tried(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, bool]]:
    for analyzer in ANALYZERS:
        yield f"analyzer {analyzer}", await _accepts(client, "/_analyze", {"analyzer": analyzer, "text": "sea"})
    for name, options in FIELD_TYPES.items():
        yield f"field {name}", await _index(client, {"field": {"type": name, **options}})
    await _index(client, _FIELDS, keep=True)
    try:
        for name, body in QUERIES.items():
            yield f"query {name}", await _accepts(client, f"/{_INDEX}/_search", {"query": {name: body}})
    finally:
        await client.delete(f"/{_INDEX}")


async def _accepts(client: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> bool:
    return (await client.post(path, json=body)).is_success


async def _index(client: httpx.AsyncClient, fields: Mapping[str, Any], *, keep: bool = False) -> bool:
    settings = {"settings": {"number_of_replicas": 0}, "mappings": {"properties": fields}}
    made = (await client.put(f"/{_INDEX}", json=settings)).is_success
    if made and not keep:
        await client.delete(f"/{_INDEX}")
    return made
