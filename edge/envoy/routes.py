"""The route table: gRPC straight to its service, what nobody may ask refused here, everything else to the transcoder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from edge.envoy.config import Config, header, message_of, seconds
from edge.envoy.contract import Contract, Rpc
from edge.envoy.filters import BUFFER, CORS, cors_policy
from edge.envoy.mesh import TRANSCODER, Mesh, Upstream
from edge.envoy.replies import GRPC, METHODS
from edge.envoy.settings import Settings

WEBSOCKET = f"{TRANSCODER}_websocket"
# An event stream says something every 15 s; one that is silent for four times that is dead.
_EVENT_STREAM_IDLE = 60
# A transport that fails in these ways has not handed the request to the service.
_RETRY_ON = "connect-failure,refused-stream,reset-before-request"
# An encoded slash or backslash beside dots: nothing but an attempt to climb out of the path.
_CLIMBING = r"(?i).*(?:\.\.|%2e%2e|\.%2e|%2e\.)(?:%2f|%5c).*|.*(?:%2f|%5c)(?:\.\.|%2e%2e|\.%2e|%2e\.).*"

_IS_GRPC: Config = {"name": "content-type", "string_match": {"prefix": GRPC, "ignore_case": True}}


def route_table(contract: Contract, mesh: Mesh, settings: Settings) -> Config:
    """`route_config` of the public listeners. Hosts that are not ours find no route: 404."""
    return {
        "name": "public",
        "ignore_port_in_host_matching": True,
        "request_headers_to_add": [
            # The one address behind the hops we trust; whatever list the caller sent ends here.
            header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")
        ],
        "request_headers_to_remove": ["x-envoy-external-address", "x-envoy-internal"],
        "virtual_hosts": [
            {
                "name": "kerya",
                "domains": settings.hosts,
                "typed_per_filter_config": {CORS: cors_policy(settings)},
                "routes": [
                    *_guards(contract),
                    *_reflection(mesh, settings),
                    *(route for service in mesh.services for route in _service(service, contract, settings)),
                    *_remaining_grpc(),
                    *_rest(contract, settings),
                ],
            }
        ],
    }


def _guards(contract: Contract) -> Iterator[Config]:
    allowed = {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(METHODS)}}, "invert_match": True}
    yield _refuse("method", {"prefix": "/", "headers": [allowed]}, 405)
    if contract.spans_segments:
        yield _refuse("climbing", {"safe_regex": {"regex": _CLIMBING}}, 400)
    yield _refuse("metrics", {"path": "/metrics"}, 404)
    yield _refuse("debug", {"path_separated_prefix": "/debug"}, 404)


def _reflection(mesh: Mesh, settings: Settings) -> Iterator[Config]:
    """Any service can answer for all: each one's reflection serves the whole descriptor set."""
    if settings.is_development and mesh.services:
        action = _grpc_stream(mesh.services[0].name, settings)
        yield _route("reflection", {"prefix": "/grpc.reflection.", "headers": [_IS_GRPC]}, action)
    yield _refuse("grpc_internals", {"prefix": "/grpc."}, 404)


def _service(service: Upstream, contract: Contract, settings: Settings) -> Iterator[Config]:
    rpcs = contract.of_package(service.package)
    inside = [rpc for rpc in rpcs if rpc.internal_only]
    outside = [rpc for rpc in rpcs if not rpc.internal_only]
    if inside:
        yield _refuse(f"{service.name}_internal", _one_of(inside), 404)
    if streams := [rpc for rpc in outside if rpc.streams]:
        yield _route(f"{service.name}_streams", _one_of(streams), _grpc_stream(service.name, settings))
    if reads := [rpc for rpc in outside if rpc.rule.reads and not rpc.streams]:
        yield _route(f"{service.name}_reads", _one_of(reads), _grpc(service.name, settings) | _retried())
    package = {"prefix": f"/{service.package}.", "headers": [_IS_GRPC]}
    yield _route(service.name, package, _grpc(service.name, settings))


def _remaining_grpc() -> Iterator[Config]:
    """A package that nobody serves: a gRPC client must get a gRPC answer, not a JSON page."""
    yield _refuse("grpc_unserved", {"prefix": "/", "headers": [_IS_GRPC]}, 404)


def _rest(contract: Contract, settings: Settings) -> Iterator[Config]:
    encoded = {
        "name": "content-encoding",
        "string_match": {"exact": "identity", "ignore_case": True},
        "invert_match": True,
    }
    present = {"name": "content-encoding", "present_match": True}
    yield _refuse("encoded_body", {"prefix": "/", "headers": [present, encoded]}, 415)
    streams = [rpc for rpc in contract.rpcs if rpc.streams and not rpc.internal_only]
    if paths := sorted({template.regex for rpc in streams for template in rpc.templates}):
        yield from _rest_streams("|".join(paths), settings)
    action = {"cluster": TRANSCODER, "timeout": seconds(settings.edge_route_timeout)}
    reads = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
    yield _buffered(_route("rest_reads", {"prefix": "/", "headers": [reads]}, action | _retried()), settings)
    yield _buffered(_route("rest", {"prefix": "/"}, action), settings)


def _rest_streams(paths: str, settings: Settings) -> Iterator[Config]:
    action = {
        "timeout": "0s",
        "idle_timeout": seconds(_EVENT_STREAM_IDLE),
        "max_stream_duration": {"max_stream_duration": seconds(settings.edge_stream_duration)},
    }
    path = {"safe_regex": {"regex": paths}}
    upgrade = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
    upgrades = {"upgrade_configs": [{"upgrade_type": "websocket", "enabled": True}]}
    yield _route("rest_websocket", path | {"headers": [upgrade]}, action | {"cluster": WEBSOCKET} | upgrades)
    yield _route("rest_streams", path, action | {"cluster": TRANSCODER})


def _grpc(cluster: str, settings: Settings) -> Config:
    """A unary call: the caller's grpc-timeout, capped; the cap where there is none."""
    cap = seconds(settings.edge_grpc_timeout_max)
    return {"cluster": cluster, "timeout": cap, "max_stream_duration": {"grpc_timeout_header_max": cap}}


def _grpc_stream(cluster: str, settings: Settings) -> Config:
    longest = seconds(settings.edge_stream_duration)
    return {
        "cluster": cluster,
        "timeout": "0s",
        "idle_timeout": "0s",
        "max_stream_duration": {"max_stream_duration": longest, "grpc_timeout_header_max": longest},
    }


def _retried() -> Config:
    another_host = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": message_of("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
    }
    return {
        "retry_policy": {
            "retry_on": _RETRY_ON,
            "num_retries": 1,
            "retry_host_predicate": [another_host],
            "host_selection_retry_max_attempts": 3,
        }
    }


def _one_of(rpcs: Iterable[Rpc]) -> Config:
    return {"safe_regex": {"regex": "|".join(re.escape(rpc.rule.path) for rpc in rpcs)}}


def _route(name: str, match: Config, action: Config) -> Config:
    return {"name": name, "match": match, "route": action}


def _buffered(route: Config, settings: Settings) -> Config:
    """The upstream sees a request only when its body is whole: a slow sender holds nothing but the edge's memory."""
    bound = {"max_request_bytes": settings.edge_max_body_bytes}
    return route | {
        "typed_per_filter_config": {
            BUFFER: message_of("envoy.extensions.filters.http.buffer.v3.BufferPerRoute", buffer=bound)
        }
    }


def _refuse(name: str, match: Config, status: int) -> Config:
    return {"name": name, "match": match, "direct_response": {"status": status}}
