"""Envoy's own JSON transcoder, in C++, in front of the same property service.

`bare` is an Envoy that does nothing else: one plain listener, the transcoder, the router. `guarded` is the edge's own
configuration, its filters, checks and logs included, with Envoy's transcoder where ours is called.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Config = dict[str, Any]

SERVICE = "kerya.property.v1.PropertyService"
CLUSTER = "property"
_TYPES = "type.googleapis.com/envoy"
_HTTP = f"{_TYPES}.extensions.filters.http"


def bare(descriptors: Path, edge: Config, port: int, admin: int) -> Config:
    """The least configuration; the cluster with its mutual TLS is the edge's."""
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "transcoder",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_to_service()]}],
        },
        "http_filters": [
            transcoder(descriptors),
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}},
        ],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    listener = {"name": "http", "address": _loopback(port), "filter_chains": [chain]}
    clusters = [cluster for cluster in edge["static_resources"]["clusters"] if cluster["name"] == CLUSTER]
    return {
        "node": {"id": "peer", "cluster": "bench"},
        "admin": {"address": _loopback(admin)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    }


def guarded(descriptors: Path, edge: Config) -> Config:
    """The edge's configuration, made for its own ports, with the transcoder filter in front of the router."""
    made = deepcopy(edge)
    for listener in made["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            manager = chain["filters"][0]["typed_config"]
            if manager["stat_prefix"] != "public":
                continue
            manager["http_filters"].insert(-1, transcoder(descriptors))
            for host in manager["route_config"]["virtual_hosts"]:
                host["routes"] = [_to_service() if _is_rest(route) else route for route in host["routes"]]
    return made


def transcoder(descriptors: Path) -> Config:
    """The filter, strict where it can be, with canonical proto3 JSON as ours answers."""
    return {
        "name": "envoy.filters.http.grpc_json_transcoder",
        "typed_config": {
            "@type": f"{_HTTP}.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            "proto_descriptor": str(descriptors),
            "services": [SERVICE],
            "convert_grpc_status": True,
            "request_validation_options": {
                "reject_unknown_method": True,
                "reject_unknown_query_parameters": True,
                "reject_binding_body_field_collisions": True,
            },
        },
    }


def write(config: Config, path: Path) -> Path:
    """As YAML, which `envoy --config-path` takes."""
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _to_service() -> Config:
    return {"name": "service", "match": {"prefix": "/"}, "route": {"cluster": CLUSTER, "timeout": "5s"}}


def _is_rest(route: Config) -> bool:
    return route["name"] in ("rest", "rest_reads")


def _loopback(port: int) -> Config:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
