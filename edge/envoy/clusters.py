"""Where the edge sends requests: the services over mutual TLS, the transcoder beside it, the collector of traces."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from edge.envoy import tls
from edge.envoy.config import LOOPBACK, Config, message_of, socket
from edge.envoy.mesh import ADMIN, COLLECTOR, TRANSCODER, Address, Mesh, Upstream
from edge.envoy.routes import WEBSOCKET
from edge.envoy.settings import Settings

BUFFER_BYTES = 32 << 10
HTTP2_WINDOWS = {"initial_stream_window_size": 64 << 10, "initial_connection_window_size": 1 << 20}
# The service name that a workload's readiness goes by in grpc.health.v1.
_READINESS = "readiness"
_KEEPALIVE = {"interval": "30s", "timeout": "5s"}


def clusters(mesh: Mesh, settings: Settings, directory: Path) -> list[Config]:
    """All clusters; `directory` holds the secret files."""
    transcoder_http2 = settings.edge_transcoder_protocol == "h2c"
    made = [_service(service, mesh, settings, directory) for service in mesh.services]
    made.append(_transcoder(TRANSCODER, mesh.transcoder, settings, http2=transcoder_http2))
    made.append(_transcoder(WEBSOCKET, mesh.transcoder, settings, http2=False))
    made.append(_cluster(ADMIN, Address(LOOPBACK, mesh.admin), http2=False))
    if settings.otlp_endpoint:
        endpoint = urlsplit(settings.otlp_endpoint)
        made.append(_cluster(COLLECTOR, Address(endpoint.hostname or LOOPBACK, endpoint.port or 4317), http2=True))
    return made


def _service(service: Upstream, mesh: Mesh, settings: Settings, directory: Path) -> Config:
    return _cluster(service.name, service.address, http2=True) | {
        "lb_policy": "LEAST_REQUEST",
        "transport_socket": tls.upstream(service.name, mesh, settings, directory),
        "circuit_breakers": _breakers(settings),
        "outlier_detection": _outliers(),
        "health_checks": [_health_check()],
        "common_lb_config": {"healthy_panic_threshold": {"value": 50}},
    }


def _transcoder(name: str, address: Address, settings: Settings, *, http2: bool) -> Config:
    return _cluster(name, address, http2=http2) | {"circuit_breakers": _breakers(settings)}


def _cluster(name: str, address: Address, *, http2: bool) -> Config:
    endpoint = {"endpoint": {"address": socket(address.host, address.port)}}
    return {
        "name": name,
        "type": "STATIC" if address.is_ip else "STRICT_DNS",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _protocol(http2)
        },
    }


def _protocol(http2: bool) -> Config:
    explicit = {"http2_protocol_options": HTTP2_WINDOWS | {"connection_keepalive": _KEEPALIVE}}
    return message_of(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config=explicit if http2 else {"http_protocol_options": {}},
        common_http_protocol_options={"idle_timeout": "60s"},
    )


def _breakers(settings: Settings) -> Config:
    bounds = {
        "max_connections": 256,
        "max_pending_requests": settings.edge_max_requests,
        "max_requests": settings.edge_max_requests,
        "retry_budget": {"budget_percent": {"value": 20}, "min_retry_concurrency": 3},
        "track_remaining": True,
    }
    return {"thresholds": [bounds]}


def _outliers() -> Config:
    return {
        "consecutive_gateway_failure": 3,
        "enforcing_consecutive_gateway_failure": 100,
        "enforcing_consecutive_5xx": 0,  # an INTERNAL is the request's fault as often as the host's
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "5s",
        "max_ejection_percent": 50,
    }


def _health_check() -> Config:
    return {
        "grpc_health_check": {"service_name": _READINESS},
        "interval": "2s",
        "no_traffic_interval": "2s",  # the default minute would leave a started service unseen
        "no_traffic_healthy_interval": "2s",
        "interval_jitter": "0.2s",
        "timeout": "1s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
    }
