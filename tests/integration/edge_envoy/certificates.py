"""A certificate authority for one test run: workload certificates by SPIFFE id, and the public listener's."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """Issues certificates into `<root>/<name>/{ca,cert,key}.pem`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._certificate = self._issued(self._name, self._key, x509.BasicConstraints(ca=True, path_length=None))

    def workload(self, name: str, environment: str = "development", *, folder: str = "") -> Path:
        uri = x509.UniformResourceIdentifier(f"spiffe://kerya/{environment}/{name}")
        return self._write(folder or name, x509.SubjectAlternativeName([uri, x509.DNSName(name)]))

    def public(self, folder: str = "edge") -> Path:
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return self._write(folder, x509.SubjectAlternativeName([x509.DNSName("localhost"), loopback]))

    def _write(self, folder: str, names: x509.SubjectAlternativeName) -> Path:
        """Puts the files in place by moving them, as certificate managers do."""
        directory = self.root / folder
        directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        files = {
            "key.pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "cert.pem": self._issued(x509.Name([]), key, names).public_bytes(Encoding.PEM),
            "ca.pem": self._certificate.public_bytes(Encoding.PEM),
        }
        for name, content in files.items():
            (directory / f".{name}").write_bytes(content)
            (directory / f".{name}").rename(directory / name)
        return directory

    def _issued(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(extension, critical=True)
            .sign(self._key, hashes.SHA256())
        )
