"""The whole configuration: listeners, clusters, admin, and what Envoy does when it runs out of room."""

from __future__ import annotations

from pathlib import Path

from edge.envoy import tls
from edge.envoy.access_log import ECS_VERSION
from edge.envoy.clusters import BUFFER_BYTES, clusters
from edge.envoy.config import LOOPBACK, Config, socket, typed
from edge.envoy.connections import connection_manager, observe_manager
from edge.envoy.contract import Contract
from edge.envoy.mesh import Mesh
from edge.envoy.settings import Settings


def bootstrap(contract: Contract, mesh: Mesh, settings: Settings, directory: Path) -> Config:
    """Envoy's bootstrap. `directory` is where the files of `tls.secrets` lie."""
    directory = directory.resolve()
    return {
        "node": {"id": "edge", "cluster": "kerya"},
        "admin": {"address": socket(LOOPBACK, mesh.admin)},
        "application_log_config": {"log_format": {"json_format": _application_log()}},
        "static_resources": {
            "listeners": _listeners(contract, mesh, settings, directory),
            "clusters": clusters(mesh, settings, directory),
        },
        "overload_manager": _overload(settings),
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _runtime()}]},
    }


def _listeners(contract: Contract, mesh: Mesh, settings: Settings, directory: Path) -> list[Config]:
    manager = connection_manager(contract, mesh, settings)
    secure = {"filters": [manager], "transport_socket": tls.downstream(directory)}
    listeners = [_listener("https", settings.edge_bind, mesh.https, secure)]
    if settings.edge_http3:
        listeners.append(_quic(contract, mesh, settings, directory))
    if settings.is_development:
        listeners.append(_listener("http", LOOPBACK, mesh.http, {"filters": [manager]}))
    observe = {"filters": [observe_manager()]}
    # Probes must get through while the edge sheds load.
    listeners.append(
        _listener("observe", settings.edge_observe_bind, mesh.observe, observe)
        | {"ignore_global_conn_limit": True, "bypass_overload_manager": True}
    )
    return listeners


def _listener(name: str, host: str, port: int, chain: Config) -> Config:
    return {
        "name": name,
        "address": socket(host, port),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [chain | {"transport_socket_connect_timeout": "5s"}],
    }


def _quic(contract: Contract, mesh: Mesh, settings: Settings, directory: Path) -> Config:
    manager = connection_manager(contract, mesh, settings, codec="HTTP3")
    return {
        "name": "http3",
        "address": socket(settings.edge_bind, mesh.https, "UDP"),
        "udp_listener_config": {"quic_options": {}, "downstream_socket_config": {"prefer_gro": True}},
        "filter_chains": [{"filters": [manager], "transport_socket": tls.downstream_quic(directory)}],
    }


def _overload(settings: Settings) -> Config:
    heap = "envoy.resource_monitors.fixed_heap"
    connections = "envoy.resource_monitors.global_downstream_max_connections"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            typed(
                heap,
                "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                max_heap_size_bytes=settings.edge_heap_bytes,
            ),
            typed(
                connections,
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=settings.edge_max_connections,
            ),
        ],
        "actions": [
            _at("envoy.overload_actions.shrink_heap", heap, 0.90),
            _at("envoy.overload_actions.disable_http_keepalive", heap, 0.92),
            _at("envoy.overload_actions.stop_accepting_requests", heap, 0.95),
        ],
        "loadshed_points": [_at("envoy.load_shed_points.tcp_listener_accept", heap, 0.95)],
    }


def _at(name: str, monitor: str, share: float) -> Config:
    return {"name": name, "triggers": [{"name": monitor, "threshold": {"value": share}}]}


def _runtime() -> Config:
    return {
        # A client that resets more than half of 500 streams within a second of opening them is disconnected.
        "overload.premature_reset_total_stream_count": 500,
        "overload.premature_reset_min_stream_lifetime_seconds": 1,
        "http.max_requests_per_io_cycle": 1,
        # Every pattern is ours, made from the contract; its size grows with it. RE2 stays linear.
        "re2.max_program_size.error_level": 20_000,
        "re2.max_program_size.warn_level": 20_000,
    }


def _application_log() -> Config:
    return {
        "@timestamp": "%Y-%m-%dT%T.%e%z",
        "log.level": "%l",
        "log.logger": "envoy.%n",
        "ecs.version": ECS_VERSION,
        "event.dataset": "envoy.application",
        "service.name": "envoy",
        "message": "%j",
    }
