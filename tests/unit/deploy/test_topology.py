"""The topology: one base moves every port, and a file that makes no sense is refused in one line."""

from dataclasses import asdict
from pathlib import Path

import pytest

from services.chassis.topology import Topology, TopologyError, load


def _ports(topology: Topology) -> list[int]:
    found = [*asdict(topology.edge).values(), *asdict(topology.engines).values(), *asdict(topology.tools).values()]
    for service in topology.services.values():
        found += [service.grpc, service.metrics]
    return found


def test_the_documented_ports_without_a_base() -> None:
    topology = load(environment={})
    assert (topology.edge.https, topology.edge.http, topology.edge.admin) == (8443, 8080, 9901)
    assert topology.services["property"].grpc == 8102
    assert topology.tools.sandbox == 8600


def test_the_base_moves_every_port_by_the_same_distance() -> None:
    usual, moved = load(environment={}), load(environment={"KERYA_PORT_BASE": "18000"})
    assert [port + 10_000 for port in _ports(usual)] == _ports(moved)


def test_no_two_parts_share_a_port() -> None:
    ports = _ports(load(environment={}))
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("base", ["80", "abc", "-1", "65000"])
def test_a_base_that_makes_no_sense_is_named(base: str) -> None:
    with pytest.raises(TopologyError, match="KERYA_PORT_BASE must be a number"):
        load(environment={"KERYA_PORT_BASE": base})


def test_every_workload_has_a_spiffe_id() -> None:
    topology = load(environment={})
    assert set(topology.workloads) == {*topology.services, "envoy", "transcoder", "operator"}
    assert topology.spiffe_id("development", "user") == "spiffe://kerya/development/user"


def test_a_call_to_nobody_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "topology.yaml"
    text = Path("deploy/topology.yaml").read_text()
    broken.write_text(text.replace("calls: [property]", "calls: [nobody]"))
    with pytest.raises(TopologyError, match="booking calls nobody"):
        load(broken, environment={})
