"""The HTTP filters, in the order a request meets them."""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import urlsplit

from edge.envoy.config import Config, header, message_of, seconds, typed
from edge.envoy.contract import Contract
from edge.envoy.mesh import TRANSCODER, Mesh
from edge.envoy.replies import LIMIT_PERIOD
from edge.envoy.settings import Settings

BUFFER = "envoy.filters.http.buffer"
CORS = "envoy.filters.http.cors"
ISSUER = AUDIENCE = "kerya"
JWKS_PATH = "/.well-known/jwks.json"
API_KEY_PREFIX = "Bearer kerya_"

_HTTP = "envoy.extensions.filters.http"
# A key is published at least this long before the first token is signed with it.
_JWKS_SECONDS = 60
_CLOCK_SKEW = 30
# Addresses remembered for the flood bound; the least recently seen gives way.
_ADDRESSES = 10_000

_REQUEST_HEADERS = (
    "authorization content-type accept accept-language idempotency-key if-match if-none-match last-event-id x-api-key "
    "x-request-timeout x-grpc-web x-user-agent grpc-timeout"
)
_RESPONSE_HEADERS = (
    "etag location link retry-after x-request-id ratelimit-limit ratelimit-remaining ratelimit-reset idempotency-replayed "
    "grpc-status grpc-message grpc-status-details-bin"
)
_COMPRESSED = [
    "application/json",
    "application/x-ndjson",
    "application/javascript",
    "image/svg+xml",
    "text/css",
    "text/html",
]


def http_filters(contract: Contract, mesh: Mesh, settings: Settings) -> list[Config]:
    """Answers pass them in reverse: the security headers, first here, are put on last and on every answer."""
    return [
        _security_headers(settings),
        typed(CORS, f"{_HTTP}.cors.v3.Cors"),
        typed("envoy.filters.http.grpc_web", f"{_HTTP}.grpc_web.v3.GrpcWeb"),
        *([_flood_bound(settings)] if settings.edge_address_rate else []),
        _token_check(mesh, settings),
        typed(BUFFER, f"{_HTTP}.buffer.v3.Buffer", max_request_bytes=settings.edge_max_body_bytes) | {"disabled": True},
        _compressor("brotli", "envoy.extensions.compression.brotli.compressor.v3.Brotli", quality=4),
        _compressor(
            "gzip", "envoy.extensions.compression.gzip.compressor.v3.Gzip", compression_level="COMPRESSION_LEVEL_4"
        ),
        _method_statistics(contract),
        typed("envoy.filters.http.router", f"{_HTTP}.router.v3.Router", suppress_envoy_headers=True),
    ]


def cors_policy(settings: Settings) -> Config:
    """Who may read answers in a browser. No credentials: tokens travel in a header, never in a cookie."""
    return message_of(
        f"{_HTTP}.cors.v3.CorsPolicy",
        allow_origin_string_match=[{"exact": origin} for origin in settings.edge_cors_origins],
        allow_methods="GET, POST, PUT, PATCH, DELETE",
        allow_headers=", ".join(_REQUEST_HEADERS.split()),
        expose_headers=", ".join(_RESPONSE_HEADERS.split()),
        max_age="7200",
        allow_credentials=False,
    )


def _security_headers(settings: Settings) -> Config:
    always = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer"}
    if not settings.is_development:  # a browser that learnt it for localhost would refuse every other local server
        always["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    if settings.edge_http3:
        always["alt-svc"] = f'h3=":{urlsplit(settings.public_url).port or 443}"; ma=86400'
    unless_said = {
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",  # the portal's pages bring their own
        "cache-control": "no-store",
    }
    mutations = [{"append": header(name, value)} for name, value in always.items()]
    mutations += [{"append": header(name, value, "ADD_IF_ABSENT")} for name, value in unless_said.items()]
    return typed(
        "envoy.filters.http.header_mutation",
        f"{_HTTP}.header_mutation.v3.HeaderMutation",
        mutations={"response_mutations": mutations},
    )


def _flood_bound(settings: Settings) -> Config:
    """A bound per client address. The contract's own limits, per caller and method, are the services'."""
    bucket = {
        "max_tokens": 2 * settings.edge_address_rate,
        "tokens_per_fill": settings.edge_address_rate,
        "fill_interval": seconds(LIMIT_PERIOD),
    }
    always = {"default_value": {"numerator": 100}, "runtime_key": "edge.flood_bound"}
    return typed(
        "envoy.filters.http.local_ratelimit",
        f"{_HTTP}.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="address",
        token_bucket=bucket,
        always_consume_default_token_bucket=False,
        max_dynamic_descriptors=_ADDRESSES,
        rate_limits=[{"actions": [{"remote_address": {}}]}],
        descriptors=[{"entries": [{"key": "remote_address"}], "token_bucket": bucket}],
        filter_enabled=always,
        filter_enforced=always,
        rate_limited_as_resource_exhausted=True,
    )


def _token_check(mesh: Mesh, settings: Settings) -> Config:
    """A token that is there must be good; none, or an API key, passes: the services decide what either may do."""
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "forward": True,
        "require_expiration": True,
        "clock_skew_seconds": _CLOCK_SKEW,
        "jwt_cache_config": {"jwt_cache_size": 1000},
        "from_headers": [{"name": "authorization", "value_prefix": prefix} for prefix in ("Bearer ", "bearer ")],
        **_key_set(mesh, settings),
    }
    api_key = {"name": "authorization", "string_match": {"prefix": API_KEY_PREFIX, "ignore_case": True}}
    good_or_none = {"requires_any": {"requirements": [{"provider_name": ISSUER}, {"allow_missing": {}}]}}
    return typed(
        "envoy.filters.http.jwt_authn",
        f"{_HTTP}.jwt_authn.v3.JwtAuthentication",
        providers={ISSUER: provider},
        rules=[
            {"match": {"prefix": "/", "headers": [api_key]}},
            {"match": {"prefix": "/"}, "requires": good_or_none},
        ],
        bypass_cors_preflight=True,
        strip_failure_response=True,
    )


def _key_set(mesh: Mesh, settings: Settings) -> Config:
    if settings.edge_jwks_file:
        folder = str(settings.edge_jwks_file.resolve().parent)
        source = {"filename": str(settings.edge_jwks_file.resolve()), "watched_directory": {"path": folder}}
        return {"local_jwks": source}
    transcoder = mesh.transcoder
    return {
        "remote_jwks": {
            "http_uri": {
                "uri": f"http://{transcoder.host}:{transcoder.port}{JWKS_PATH}",
                "cluster": TRANSCODER,
                "timeout": "1s",
            },
            "cache_duration": seconds(_JWKS_SECONDS),
            # Not waited for at start: a token that comes before the keys are there fetches them itself.
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "1s"},
        }
    }


def _compressor(name: str, library: str, **options: object) -> Config:
    return typed(
        f"envoy.filters.http.compressor.{name}",
        f"{_HTTP}.compressor.v3.Compressor",
        compressor_library=typed(name, library, **options),
        response_direction_config={
            "common_config": {
                "min_content_length": 1024,
                "content_type_matcher": [{"prefix": media_type} for media_type in _COMPRESSED],
            },
            "weaken_etag_on_compress": True,
        },
        choose_first=name == "brotli",
    )


def _method_statistics(contract: Contract) -> Config:
    """RED per method; only methods of the contract become labels, whatever paths are asked for."""
    methods: dict[str, list[str]] = defaultdict(list)
    for rpc in contract.rpcs:
        if not rpc.internal_only:
            methods[rpc.rule.service].append(rpc.rule.name)
    known = [{"name": service, "method_names": names} for service, names in methods.items()]
    return typed(
        "envoy.filters.http.grpc_stats",
        f"{_HTTP}.grpc_stats.v3.FilterConfig",
        individual_method_stats_allowlist={"services": known},
        enable_upstream_stats=True,
    )
