"""What the edge reads from the descriptors."""

from __future__ import annotations

import re

import pytest

from edge.envoy.contract import Contract, Template
from tests.integration.edge_envoy.demo_contract import PACKAGE, demo_contract


@pytest.mark.parametrize(
    ("template", "matching", "others"),
    [
        (
            "/v1/things/{thing_id}",
            ["/v1/things/a", "/v1/things/a%20b"],
            ["/v1/things", "/v1/things/", "/v1/things/a/b"],
        ),
        ("/v1/things/{thing_id}:watch", ["/v1/things/a:watch"], ["/v1/things/a", "/v1/things/a:watched"]),
        ("/v1/{name=things/*}", ["/v1/things/a"], ["/v1/things/a/b", "/v1/other/a"]),
        ("/v1/files/{path=**}", ["/v1/files/a", "/v1/files/a/b/c"], ["/v1/file/a"]),
        ("/v1/a.b", ["/v1/a.b"], ["/v1/axb"]),
    ],
)
def test_a_template_matches_exactly_its_paths(template: str, matching: list[str], others: list[str]) -> None:
    pattern = re.compile(Template("GET", template).regex)
    assert all(pattern.fullmatch(path) for path in matching)
    assert not any(pattern.fullmatch(path) for path in others)


@pytest.mark.parametrize(
    ("template", "spans"),
    [
        ("/v1/{id}", False),
        ("/v1/{id=*}", False),
        ("/v1/{name=things/*}", True),
        ("/v1/{path=**}", True),
        ("/v1/*", False),
    ],
)
def test_only_variables_of_several_segments_span(template: str, spans: bool) -> None:
    assert Template("GET", template).spans_segments is spans


def test_rpcs_are_told_apart() -> None:
    rpcs = {rpc.rule.name: rpc for rpc in demo_contract().of_package(PACKAGE)}
    assert [name for name, rpc in rpcs.items() if rpc.internal_only] == ["Inside"]
    assert [name for name, rpc in rpcs.items() if rpc.streams] == ["WatchThing"]
    assert [name for name, rpc in rpcs.items() if rpc.secret_path] == ["ExportThing"]
    assert not rpcs["CreateThing"].rule.reads
    assert rpcs["GetThing"].rule.reads and rpcs["GetThing"].rule.path == f"/{PACKAGE}.DemoService/GetThing"


def test_the_committed_contract_has_the_reasons_the_edge_answers_with() -> None:
    reasons = Contract.load().reasons
    assert reasons["TOKEN_INVALID"].code == "UNAUTHENTICATED"
    assert set(reasons["ROUTE_NOT_FOUND"].texts) == {"en", "fr", "ar"}
