"""One JSON line a request, in the Elastic Common Schema's names: no query, no address, no agent, no token."""

from __future__ import annotations

from edge.envoy.config import Config, typed
from edge.envoy.contract import Contract

ECS_VERSION = "9.0.0"

_LINE: Config = {
    "@timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "log.level": "info",
    "ecs.version": ECS_VERSION,
    "event.dataset": "envoy.access",
    "event.duration": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)%",
    "service.name": "envoy",
    "trace.id": "%TRACE_ID%",
    "http.request.id": "%REQ(X-REQUEST-ID)%",
    "http.request.method": "%REQ(:METHOD)%",
    "http.request.body.bytes": "%BYTES_RECEIVED%",
    "http.response.status_code": "%RESPONSE_CODE%",
    "http.response.body.bytes": "%BYTES_SENT%",
    "http.version": "%PROTOCOL%",
    "url.domain": "%REQ(:AUTHORITY)%",
    "tls.version": "%DOWNSTREAM_TLS_VERSION%",
    "rpc.status_code": "%GRPC_STATUS%",
    "kerya.route": "%ROUTE_NAME%",
    "kerya.upstream": "%UPSTREAM_CLUSTER%",
    "kerya.upstream_host": "%UPSTREAM_HOST%",
    "kerya.attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "kerya.flags": "%RESPONSE_FLAGS%",
    "kerya.details": "%RESPONSE_CODE_DETAILS%",
}
_PATH = "%PATH(NQ)%"


def access_log(contract: Contract) -> list[Config]:
    """Standard output. A path whose variables the contract calls secret is logged as its template."""
    secret = [template for rpc in contract.rpcs if rpc.secret_path for template in rpc.templates]
    others = _not_any([_path_filter(template.regex, invert=True) for template in secret])
    logs = [_log(_PATH) | others]
    return logs + [_log(template.path) | {"filter": _path_filter(template.regex)} for template in secret]


def _log(path: str) -> Config:
    message = f"%REQ(:METHOD)% {path} %RESPONSE_CODE%"
    line = _LINE | {"message": message, "url.path": path}
    return typed(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": line, "omit_empty_values": True},
    )


def _path_filter(regex: str, *, invert: bool = False) -> Config:
    matcher = {"safe_regex": {"regex": rf"{regex}(?:\?.*)?"}}
    return {"header_filter": {"header": {"name": ":path", "string_match": matcher, "invert_match": invert}}}


def _not_any(filters: list[Config]) -> Config:
    if not filters:
        return {}
    return {"filter": filters[0] if len(filters) == 1 else {"and_filter": {"filters": filters}}}
