"""The configuration as data: what the settings, the contract and the topology turn into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edge.envoy.__main__ import main
from edge.envoy.bootstrap import bootstrap
from edge.envoy.contract import Contract
from edge.envoy.mesh import Address, Mesh
from edge.envoy.settings import Settings
from edge.envoy.tls import secrets
from edge.transcoder.request import MAX_SECONDS
from services.chassis import topology
from tests.integration.edge_envoy.demo_contract import demo_contract

DIRECTORY = Path("/run/kerya/envoy")


def built(contract: Contract | None = None, targets: dict[str, str] | None = None, **settings: Any) -> dict[str, Any]:
    mesh = Mesh.of(topology.load(environment={}), targets or {})
    return bootstrap(contract or Contract.load(), mesh, Settings(**settings), DIRECTORY)


def listeners(config: dict[str, Any]) -> dict[str, Any]:
    return {listener["name"]: listener for listener in config["static_resources"]["listeners"]}


def clusters(config: dict[str, Any]) -> dict[str, Any]:
    return {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}


def manager(config: dict[str, Any], listener: str = "https") -> dict[str, Any]:
    found: dict[str, Any] = listeners(config)[listener]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes(config: dict[str, Any]) -> dict[str, Any]:
    table = manager(config)["route_config"]["virtual_hosts"][0]["routes"]
    names = [route["name"] for route in table]
    assert len(names) == len(set(names))
    return {route["name"]: route for route in table}


def test_plain_http_exists_in_development_only_and_on_loopback() -> None:
    development, production = listeners(built()), listeners(built(environment="production", edge_bind="0.0.0.0"))
    assert development["http"]["address"]["socket_address"]["address"] == "127.0.0.1"
    assert set(production) == {"https", "observe"}


def test_admin_is_on_loopback_whatever_the_public_listener_binds() -> None:
    config = built(environment="production", edge_bind="0.0.0.0", edge_observe_bind="0.0.0.0")
    assert config["admin"]["address"]["socket_address"] == {
        "address": "127.0.0.1",
        "port_value": 9901,
        "protocol": "TCP",
    }


def test_every_service_is_reached_over_mutual_tls_by_its_own_identity() -> None:
    config = built(environment="production")
    services = topology.load(environment={}).services
    for name in services:
        tls = clusters(config)[name]["transport_socket"]["typed_config"]["common_tls_context"]
        expected = tls["combined_validation_context"]["default_validation_context"]["match_typed_subject_alt_names"]
        assert expected == [{"san_type": "URI", "matcher": {"exact": f"spiffe://kerya/production/{name}"}}]
        assert tls["tls_certificate_sds_secret_configs"][0]["name"] == "workload"
        assert clusters(config)[name]["health_checks"][0]["grpc_health_check"] == {"service_name": "readiness"}


def test_targets_move_a_service_and_names_are_resolved_by_dns() -> None:
    config = built(targets={"user": "user.kerya.svc:9000", "property": "10.0.0.7:9001"})
    assert clusters(config)["user"]["type"] == "STRICT_DNS"
    assert clusters(config)["property"]["type"] == "STATIC"
    assert Address.parse("[::1]:9000") == Address("::1", 9000)
    with pytest.raises(ValueError, match="host:port"):
        Address.parse("9000")


def test_no_internal_rpc_is_routed_to_its_service() -> None:
    contract = Contract.load()
    table = list(routes(built(contract)).values())
    inside = [rpc for rpc in contract.rpcs if rpc.internal_only]
    assert inside, "the contract has internal RPCs"
    for rpc in inside:
        service = next(
            name for name, part in topology.load(environment={}).services.items() if part.package == rpc.rule.package
        )
        order = [route["name"] for route in table]
        refused = next(route for route in table if route["name"] == f"{service}_internal")
        assert refused["direct_response"] == {"status": 404}
        assert rpc.rule.path.replace(".", r"\.") in refused["match"]["safe_regex"]["regex"]
        assert order.index(f"{service}_internal") < order.index(service)


def test_reflection_is_routed_in_development_only() -> None:
    assert "route" in routes(built())["reflection"]
    production = routes(built(environment="production"))
    assert "reflection" not in production
    assert production["grpc_internals"]["direct_response"] == {"status": 404}


def test_only_reads_are_sent_again() -> None:
    table = routes(built(demo_contract()))
    retried = {name for name, route in table.items() if "retry_policy" in route.get("route", {})}
    assert retried == {"rest_reads"}
    committed = {name for name, route in routes(built()).items() if "retry_policy" in route.get("route", {})}
    assert committed >= {"rest_reads", "property_reads", "booking_reads"}
    assert "booking" not in committed


def test_a_caller_may_ask_for_all_the_time_that_the_transcoder_grants() -> None:
    table = routes(built())
    assert {table[name]["route"]["timeout"] for name in ("rest", "rest_reads")} == {f"{MAX_SECONDS + 1:g}s"}


def test_encoded_slashes_are_kept_only_where_the_contract_needs_them() -> None:
    assert manager(built(demo_contract()))["path_with_escaped_slashes_action"] == "REJECT_REQUEST"
    spanning = built(demo_contract(spanning=True))
    assert manager(spanning)["path_with_escaped_slashes_action"] == "KEEP_UNCHANGED"
    assert next(iter(routes(spanning))) == "method"
    assert routes(spanning)["climbing"]["direct_response"] == {"status": 400}


def test_the_edges_hardening_values_are_the_published_ones() -> None:
    http = manager(built())
    assert http["use_remote_address"] is True
    assert http["max_request_headers_kb"] == 12
    assert http["common_http_protocol_options"] == {
        "idle_timeout": "60s",
        "max_headers_count": 64,
        "headers_with_underscores_action": "REJECT_REQUEST",
    }
    assert http["http2_protocol_options"]["max_concurrent_streams"] == 100
    assert http["request_headers_timeout"] == "5s" and http["request_timeout"] == "15s"


def test_filters_come_in_the_order_that_keeps_answers_whole() -> None:
    names = [each["name"].rpartition("filters.http.")[2] for each in manager(built())["http_filters"]]
    assert names[0] == "header_mutation", "security headers are put on last, so on refusals too"
    assert names.index("cors") < names.index("jwt_authn"), "a page must be able to read why it was refused"
    assert names.index("local_ratelimit") < names.index("jwt_authn"), "a flood must not buy signature checks"
    assert names[-1] == "router"


def test_no_key_is_in_what_is_written(tmp_path: Path) -> None:
    text = yaml.safe_dump(secrets(Settings(tls_directory=tmp_path / "envoy")))
    assert str(tmp_path / "envoy" / "key.pem") in text
    assert "PRIVATE KEY" not in text


def test_the_command_prints_what_it_writes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert main(["--output", str(tmp_path / "envoy.yaml")]) == 0
    written = yaml.safe_load((tmp_path / "envoy.yaml").read_text())
    assert printed.keys() == written.keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "authorities.sds.yaml",
        "envoy.yaml",
        "public.sds.yaml",
        "workload.sds.yaml",
    ]


def test_a_trusted_trace_context_is_not_stripped() -> None:
    def removed(config: dict[str, Any]) -> set[str]:
        mutations = manager(config)["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        return {mutation["remove"] for mutation in mutations if "remove" in mutation}

    assert "traceparent" in removed(built())
    assert "traceparent" not in removed(built(edge_trust_trace_context=True))


def test_a_key_set_on_disk_replaces_the_fetched_one(tmp_path: Path) -> None:
    def provider(config: dict[str, Any]) -> dict[str, Any]:
        check = next(each for each in manager(config)["http_filters"] if each["name"].endswith("jwt_authn"))
        found: dict[str, Any] = check["typed_config"]["providers"]["kerya"]
        return found

    assert provider(built())["remote_jwks"]["http_uri"]["uri"] == "http://127.0.0.1:8090/.well-known/jwks.json"
    local = provider(built(edge_jwks_file=tmp_path / "jwks.json"))["local_jwks"]
    assert local["filename"] == str(tmp_path / "jwks.json")


def test_http3_is_offered_on_the_public_port_only_when_asked() -> None:
    assert "http3" not in listeners(built())
    config = built(edge_http3=True, public_url="https://api.example:9443")
    assert listeners(config)["http3"]["address"]["socket_address"]["protocol"] == "UDP"
    added = manager(config)["http_filters"][0]["typed_config"]["mutations"]["response_mutations"]
    assert {"key": "alt-svc", "value": 'h3=":9443"; ma=86400'} in [each["append"]["header"] for each in added]
