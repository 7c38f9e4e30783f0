"""A development certificate authority: an identity for every workload, renewed while the mesh runs.

Leaves live a day and are replaced when half of it is over. `cert.pem` is written last: a server that watches it finds
the new key already in place.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.local.files import replace
from services.chassis.topology import Topology

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(hours=24)
EDGE = "edge"

_SKEW = timedelta(minutes=5)  # a clock slightly behind must not refuse a fresh certificate
_LOCAL_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
)


@dataclass(frozen=True)
class Authority:
    """The key and certificate all leaves of one state directory are signed with."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, sans: Sequence[x509.GeneralName], now: datetime) -> tuple[bytes, bytes]:
        """A new key and its certificate, both PEM, for a server and client of these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(name, self.certificate.subject, key.public_key(), now, LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(sans), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        return _key_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def ensure(directory: Path, topology: Topology, environment: str, now: datetime | None = None) -> list[str]:
    """Makes what is missing and renews what is past half its life; the names of the certificates that are new."""
    now = now or datetime.now(UTC)
    authority = _authority(directory, now)
    if not (directory / "ca.pem").exists() or (directory / "ca.pem").read_bytes() != authority.pem:
        replace(directory / "ca.pem", authority.pem, 0o644)
    renewed = []
    for name, sans in _wanted(topology, environment).items():
        if _due(directory / name / "cert.pem", authority, sans, now):
            _write(directory / name, authority, *authority.issue(name, sans, now))
            renewed.append(name)
    return renewed


def _wanted(topology: Topology, environment: str) -> dict[str, list[x509.GeneralName]]:
    """Every certificate by name. A workload has one URI, as X.509-SVID wants, and the names it is dialled by."""
    wanted: dict[str, list[x509.GeneralName]] = {}
    for workload in topology.workloads:
        identity = x509.UniformResourceIdentifier(topology.spiffe_id(environment, workload))
        wanted[workload] = [identity, x509.DNSName(workload), *_LOCAL_NAMES]
    wanted[EDGE] = list(_LOCAL_NAMES)
    return wanted


def _authority(directory: Path, now: datetime) -> Authority:
    certificate_file, key_file = directory / "authority" / "cert.pem", directory / "authority" / "key.pem"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and now < certificate.not_valid_after_utc - LEAF_LIFE:
            return Authority(certificate, key)
    authority = _new_authority(now)
    replace(key_file, _key_pem(authority.key))
    replace(certificate_file, authority.pem)
    return authority


def _new_authority(now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = "Kerya development authority"
    certificate = (
        _builder(name, _subject(name), key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def _due(path: Path, authority: Authority, sans: Sequence[x509.GeneralName], now: datetime) -> bool:
    """True when there is no certificate, it is another authority's or for other names, or half its life is over."""
    if not path.exists():
        return True
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return True
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    half = certificate.not_valid_before_utc + LEAF_LIFE / 2
    return list(names) != list(sans) or now >= half


def _write(directory: Path, authority: Authority, key: bytes, certificate: bytes) -> None:
    replace(directory / "ca.pem", authority.pem)
    replace(directory / "key.pem", key)
    replace(directory / "cert.pem", certificate)


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
