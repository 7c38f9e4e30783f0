"""The development authority: SPIFFE identities, private keys, renewal at half life."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deploy.local import pki
from services.chassis.topology import load

TOPOLOGY = load(environment={})
NOW = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def issued(tmp_path: Path) -> Path:
    pki.ensure(tmp_path, TOPOLOGY, "development", NOW)
    return tmp_path


def _certificate(directory: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / name / "cert.pem").read_bytes())


def _sans(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


@pytest.mark.parametrize("workload", TOPOLOGY.workloads)
def test_a_workload_carries_exactly_its_spiffe_id(issued: Path, workload: str) -> None:
    identities = _sans(_certificate(issued, workload)).get_values_for_type(x509.UniformResourceIdentifier)
    assert identities == [f"spiffe://kerya/development/{workload}"]


def test_the_public_listener_is_localhost_and_no_workload(issued: Path) -> None:
    sans = _sans(_certificate(issued, "edge"))
    assert sans.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in sans.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert sans.get_values_for_type(x509.UniformResourceIdentifier) == []


def test_openssl_takes_the_chain_and_the_key(issued: Path) -> None:
    context = ssl.create_default_context(cafile=str(issued / "user" / "ca.pem"))
    context.load_cert_chain(issued / "user" / "cert.pem", issued / "user" / "key.pem")


def test_keys_are_for_their_owner_only(issued: Path) -> None:
    keys = list(issued.glob("*/key.pem"))
    assert len(keys) == len(TOPOLOGY.workloads) + 2
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_a_leaf_lives_a_day(issued: Path) -> None:
    assert _certificate(issued, "user").not_valid_after_utc == NOW + timedelta(hours=24)


def test_nothing_is_renewed_before_half_its_life(issued: Path) -> None:
    assert pki.ensure(issued, TOPOLOGY, "development", NOW + timedelta(hours=11)) == []


def test_everything_is_renewed_after_half_its_life_under_the_same_authority(issued: Path) -> None:
    authority, before = (issued / "ca.pem").read_bytes(), _certificate(issued, "user")
    renewed = pki.ensure(issued, TOPOLOGY, "development", NOW + timedelta(hours=13))
    assert set(renewed) == {*TOPOLOGY.workloads, "edge"}
    assert (issued / "ca.pem").read_bytes() == authority
    assert _certificate(issued, "user").not_valid_after_utc > before.not_valid_after_utc


def test_a_lost_authority_takes_its_leaves_with_it(issued: Path) -> None:
    (issued / "authority" / "key.pem").unlink()
    renewed = pki.ensure(issued, TOPOLOGY, "development", NOW)
    assert set(renewed) == {*TOPOLOGY.workloads, "edge"}
    _certificate(issued, "user").verify_directly_issued_by(
        x509.load_pem_x509_certificate((issued / "ca.pem").read_bytes())
    )


def test_another_environment_needs_other_identities(issued: Path) -> None:
    assert set(pki.ensure(issued, TOPOLOGY, "production", NOW)) == set(TOPOLOGY.workloads)
