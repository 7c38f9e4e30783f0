"""Certificates, by file and watched: a renewed file is in use at the next handshake, with no restart."""

from __future__ import annotations

from pathlib import Path

from edge.envoy.config import Config, message_of
from edge.envoy.mesh import Mesh
from edge.envoy.settings import Settings

WORKLOAD = "workload"
AUTHORITIES = "authorities"
PUBLIC = "public"

_TLS = "envoy.extensions.transport_sockets.tls.v3"
_MODERN = {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}


def secrets(settings: Settings) -> dict[str, Config]:
    """The files Envoy's secret discovery reads, by name; each holds one secret that points to PEM files."""
    own, public = settings.workload_certificates.resolve(), settings.public_certificates.resolve()
    authorities = {"trusted_ca": {"filename": str(own / "ca.pem")}, "watched_directory": {"path": str(own)}}
    return {
        WORKLOAD: _secret(WORKLOAD, "tls_certificate", _pair(own)),
        AUTHORITIES: _secret(AUTHORITIES, "validation_context", authorities),
        PUBLIC: _secret(PUBLIC, "tls_certificate", _pair(public)),
    }


def secret_file(directory: Path, name: str) -> Path:
    return directory / f"{name}.sds.yaml"


def downstream(directory: Path) -> Config:
    """The public listener's TLS: 1.3 alone. No group of callers needs 1.2."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": message_of(f"{_TLS}.DownstreamTlsContext", **_public(directory, ["h2", "http/1.1"])),
    }


def downstream_quic(directory: Path) -> Config:
    context = _public(directory, ["h3"])
    return {
        "name": "envoy.transport_sockets.quic",
        "typed_config": message_of(
            "envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport", downstream_tls_context=context
        ),
    }


def upstream(workload: str, mesh: Mesh, settings: Settings, directory: Path) -> Config:
    """Mutual TLS to one workload: our certificate shown, its SPIFFE id demanded."""
    identity = f"spiffe://{mesh.trust_domain}/{settings.environment}/{workload}"
    expected = {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": identity}}]}
    context = message_of(
        f"{_TLS}.UpstreamTlsContext",
        sni=workload,
        common_tls_context={
            "tls_params": _MODERN,
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [_discovered(directory, WORKLOAD)],
            "combined_validation_context": {
                "default_validation_context": expected,
                "validation_context_sds_secret_config": _discovered(directory, AUTHORITIES),
            },
        },
    )
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _public(directory: Path, protocols: list[str]) -> Config:
    return {
        "common_tls_context": {
            "tls_params": _MODERN,
            "alpn_protocols": protocols,
            "tls_certificate_sds_secret_configs": [_discovered(directory, PUBLIC)],
        }
    }


def _pair(folder: Path) -> Config:
    return {
        "certificate_chain": {"filename": str(folder / "cert.pem")},
        "private_key": {"filename": str(folder / "key.pem")},
        "watched_directory": {"path": str(folder)},
    }


def _secret(name: str, kind: str, value: Config) -> Config:
    return {"resources": [message_of(f"{_TLS}.Secret", name=name, **{kind: value})]}


def _discovered(directory: Path, name: str) -> Config:
    source = {"path": str(secret_file(directory, name)), "watched_directory": {"path": str(directory)}}
    return {"name": name, "sds_config": {"path_config_source": source, "resource_api_version": "V3"}}
