"""How the edge treats whoever connects: limits, normalisation, and what is taken off a request before anything reads it."""

from __future__ import annotations

from edge.envoy.access_log import access_log
from edge.envoy.clusters import HTTP2_WINDOWS
from edge.envoy.config import Config, seconds, typed
from edge.envoy.contract import Contract
from edge.envoy.filters import http_filters
from edge.envoy.mesh import COLLECTOR, Mesh
from edge.envoy.replies import local_replies
from edge.envoy.routes import route_table
from edge.envoy.settings import Settings

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
# Below the 16 KiB that gRPC servers take, with room for what the edge adds.
_HEADERS_KB = 12
_HEADERS_COUNT = 64

# Whoever sends one of these from outside wants to be taken for a part of the mesh.
_FORGEABLE_PREFIXES = ("x-user-", "x-kerya-", "x-internal-", "x-envoy-")
_FORGEABLE = (
    "x-real-ip",
    "x-forwarded-client-cert",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "forwarded",
)
_TRACE_CONTEXT = ("traceparent", "tracestate", "baggage")
# RE2 cannot look ahead: every grpc-* name but grpc-timeout, grpc-encoding and grpc-accept-encoding, by their first letters.
_GRPC_METADATA = "grpc-(?:[^aet]|a[^c]|e[^n]|t[^i]).*"


def connection_manager(contract: Contract, mesh: Mesh, settings: Settings, *, codec: str = "AUTO") -> Config:
    """The network filter of a public listener."""
    return typed(
        "envoy.filters.network.http_connection_manager",
        MANAGER,
        stat_prefix="public",
        codec_type=codec,
        route_config=route_table(contract, mesh, settings),
        http_filters=http_filters(contract, mesh, settings),
        access_log=access_log(contract),
        local_reply_config=local_replies(contract, settings),
        server_name="kerya",
        always_set_request_id_in_response=True,
        early_header_mutation_extensions=[_stripped(settings)],
        **_who_calls(settings),
        **_paths(contract),
        **_times(settings),
        **_protocols(codec),
        **_tracing(settings),
    )


def _who_calls(settings: Settings) -> Config:
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": settings.edge_trusted_hops,
        # Nobody is inside, loopback included: an empty list would mean the private networks, so it names a
        # documentation address. Whoever is outside keeps no request id of his own.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "192.0.2.0", "prefix_len": 32}]},
        "forward_client_cert_details": "SANITIZE",
    }


def _paths(contract: Contract) -> Config:
    """%2F is refused unless some path of the contract has a variable of several segments, where it is part of the value."""
    slashes = "KEEP_UNCHANGED" if contract.spans_segments else "REJECT_REQUEST"
    return {"normalize_path": True, "merge_slashes": True, "path_with_escaped_slashes_action": slashes}


def _times(settings: Settings) -> Config:
    return {
        "request_headers_timeout": seconds(settings.edge_headers_timeout),
        "request_timeout": seconds(settings.edge_request_timeout),
        "stream_idle_timeout": "30s",
        "drain_timeout": seconds(settings.edge_drain),
        "max_request_headers_kb": _HEADERS_KB,
        "common_http_protocol_options": {
            "idle_timeout": "60s",
            "max_headers_count": _HEADERS_COUNT,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
    }


def _protocols(codec: str) -> Config:
    if codec == "HTTP3":
        return {"http3_protocol_options": {"quic_protocol_options": {"max_concurrent_streams": 100}}}
    keepalive = {"interval": "30s", "timeout": "10s"}
    return {
        "http2_protocol_options": HTTP2_WINDOWS | {"max_concurrent_streams": 100, "connection_keepalive": keepalive},
        "http_protocol_options": {"accept_http_10": False},
    }


def _stripped(settings: Settings) -> Config:
    names = [*_FORGEABLE, *(() if settings.edge_trust_trace_context else _TRACE_CONTEXT)]
    removed: list[Config] = [{"remove": name} for name in names]
    removed += [_removed_by({"prefix": prefix}) for prefix in _FORGEABLE_PREFIXES]
    removed.append(_removed_by({"safe_regex": {"regex": _GRPC_METADATA}}))
    return typed(
        "envoy.http.early_header_mutation.header_mutation",
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=removed,
    )


def _removed_by(matcher: Config) -> Config:
    return {"remove_on_match": {"key_matcher": matcher}}


def _tracing(settings: Settings) -> Config:
    if not settings.otlp_endpoint:
        return {}
    tracer = typed(
        "envoy.tracers.opentelemetry",
        "envoy.config.trace.v3.OpenTelemetryConfig",
        grpc_service={"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "1s"},
        service_name="envoy",
    )
    return {
        "tracing": {
            "provider": tracer,
            "client_sampling": {"value": 0},
            "random_sampling": {"value": settings.trace_ratio * 100},
            "custom_tags": _tags(),
        }
    }


def _tags() -> list[Config]:
    """Written over Envoy's own, which would carry the URL, the caller's address and its agent. A path may hold a secret:
    the span below names the route's template, or the RPC."""
    return [
        {"tag": "http.url", "literal": {"value": "-"}},
        {"tag": "peer.address", "literal": {"value": "-"}},
        {"tag": "user_agent", "literal": {"value": "-"}},
        {"tag": "kerya.route", "value": "%ROUTE_NAME%"},
    ]


def observe_manager() -> Config:
    """The network filter of the listener for probes and Prometheus: two paths of the admin interface, GET only."""
    get = {"name": ":method", "string_match": {"exact": "GET"}}
    routes = [
        {"match": {"path": path, "headers": [get]}, "route": {"cluster": "admin", "timeout": "5s"}}
        for path in ("/ready", "/stats/prometheus")
    ]
    router = typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")
    return typed(
        "envoy.filters.network.http_connection_manager",
        MANAGER,
        stat_prefix="observe",
        route_config={"name": "observe", "virtual_hosts": [{"name": "observe", "domains": ["*"], "routes": routes}]},
        http_filters=[router],
        normalize_path=True,
        request_headers_timeout="5s",
        stream_idle_timeout="10s",
    )
