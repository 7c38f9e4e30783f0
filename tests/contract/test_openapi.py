"""The OpenAPI document and the route table of the real contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from edge.portal.openapi import build
from edge.portal.reference import render
from edge.transcoder.contract import Contract
from edge.transcoder.route import build_routes
from edge.transcoder.template import parse
from edge.transcoder.upstream import Upstream, service_of
from services.chassis.contract import DESCRIPTORS
from services.chassis.rules import Idempotency
from tests.unit.edge.library import contract

CONTRACT = Contract(DESCRIPTORS)
DOCUMENT = build(CONTRACT)
OPERATIONS = [(path, verb, each) for path, verbs in DOCUMENT["paths"].items() for verb, each in verbs.items()]
METHODS = [method for method in CONTRACT.methods if method.bindings and not method.internal_only]


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


def test_every_binding_is_an_operation_and_nothing_else_is() -> None:
    bound = sum(len(method.bindings) for method in METHODS)
    assert len(OPERATIONS) == bound
    assert len({operation["operationId"] for *_, operation in OPERATIONS}) == bound


def test_every_reference_leads_somewhere() -> None:
    for node in walk(DOCUMENT):
        reference = node.get("$ref")
        if isinstance(reference, str):
            found: Any = DOCUMENT
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
            assert found, reference


def test_path_parameters_are_those_of_the_path() -> None:
    for path, _, operation in OPERATIONS:
        declared = {each["name"] for each in operation.get("parameters", ()) if each.get("in") == "path"}
        assert declared == set(re.findall(r"\{([^}]+)\}", path)), path


def test_no_two_paths_differ_in_parameter_names_only() -> None:
    forms = [re.sub(r"\{[^}]+\}", "{}", path) for path in DOCUMENT["paths"]]
    assert len(set(forms)) == len(forms)


def test_every_operation_is_explained_and_secured() -> None:
    for path, verb, operation in OPERATIONS:
        assert operation["summary"] and operation["description"], (path, verb)
        assert "security" in operation
        assert "default" in operation["responses"]


def test_every_schema_property_is_explained() -> None:
    unexplained = [
        f"{name}.{key}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name.startswith("kerya.")
        for key, value in schema.get("properties", {}).items()
        if "description" not in value
    ]
    assert unexplained == []


def test_a_get_has_no_body_and_a_required_key_is_required() -> None:
    for path, verb, operation in OPERATIONS:
        assert not (verb in ("get", "delete") and "requestBody" in operation), path
    reference = {"$ref": "#/components/parameters/IdempotencyKeyRequired"}
    required = {method.name for method in METHODS if method.idempotency is Idempotency.REQUIRED}
    marked = {each["operationId"].split("_")[1] for *_, each in OPERATIONS if reference in each.get("parameters", ())}
    assert marked == required


def test_the_same_contract_gives_the_same_document() -> None:
    assert json.dumps(build(Contract(DESCRIPTORS))) == json.dumps(DOCUMENT)


async def test_the_whole_contract_can_be_routed() -> None:
    upstreams = {
        name: Upstream(name, "127.0.0.1:1", ()) for name in {service_of(method) for method in CONTRACT.methods}
    }
    try:
        table = build_routes(CONTRACT, upstreams)
        for method in METHODS:
            for http in method.bindings:
                path = "/" + "/".join("x" if part in ("*", "**") else part for part in parse(http.template).segments)
                verb = parse(http.template).verb
                match = table.find(http.verb, path + (f":{verb}" if verb else ""))
                assert match is not None and match.target.method is method, (method.path, http.template)
    finally:
        for upstream in upstreams.values():
            await upstream.close()


@pytest.fixture(scope="module")
def library() -> dict[str, Any]:
    return build(contract(), "https://edge.example")


def test_bounds_behaviours_and_comments_are_in_the_schemas(library: dict[str, Any]) -> None:
    book = library["components"]["schemas"]["kerya.library.v1.Book"]
    assert book["description"] == "A book."
    assert book["properties"]["title"] == {"type": "string", "maxLength": 60, "description": "What is on its cover."}
    assert book["properties"]["pages"]["format"] == "int64"
    assert book["properties"]["authors"]["maxItems"] == 5
    assert book["properties"]["publishTime"]["format"] == "date-time"
    genre = library["components"]["schemas"]["kerya.library.v1.Book.Genre"]
    assert genre["enum"] == ["GENRE_UNSPECIFIED", "FICTION", "POETRY"]
    assert "`POETRY`: Verse." in genre["description"]


def test_queries_are_flattened_and_the_path_and_body_left_out(library: dict[str, Any]) -> None:
    echo = {each["name"]: each["schema"] for each in library["paths"]["/v1/echo"]["get"]["parameters"]}
    assert echo["day"] == {"type": "string", "format": "date"}
    assert echo["inner.name"] == {"type": "string"}
    assert echo["labels"]["additionalProperties"] == {"type": "string"}
    assert not {"inners", "extra", "value"} & set(echo)
    create = library["paths"]["/v1/books"]["post"]
    assert [each.get("name") for each in create["parameters"]] == ["validateOnly", None]


def test_streams_bytes_and_internal_methods(library: dict[str, Any]) -> None:
    watch = library["paths"]["/v1/books:watch"]["get"]["responses"]["200"]["content"]
    assert set(watch) == {"application/json", "application/x-ndjson", "text/event-stream"}
    assert watch["application/json"]["schema"]["type"] == "array"
    assert set(library["paths"]["/v1/books/{bookId}:download"]["get"]["responses"]["200"]["content"]) == {"*/*"}
    assert library["paths"]["/v1/titles/{bookId}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"][
        "description"
    ]
    assert not any("audits" in path for path in library["paths"])
    assert library["servers"] == [{"url": "https://edge.example"}]


def test_the_reference_page_shows_every_operation_and_every_link_leads_somewhere() -> None:
    page = render(DOCUMENT)
    anchors = set(re.findall(r' id="([^"]+)"', page))
    assert {operation["operationId"] for *_, operation in OPERATIONS} <= anchors
    assert set(re.findall(r'href="#([^"]+)"', page)) <= anchors
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_the_reference_page_escapes_what_comments_say() -> None:
    hostile = json.loads(json.dumps(DOCUMENT).replace("Finds published", "<script>Finds"))
    assert "<script>" not in render(hostile)
