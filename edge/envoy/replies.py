"""What the edge itself answers: an AIP-193 body over REST, a typed status over gRPC, for every way Envoy can refuse."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2, status_pb2

from edge.envoy.config import Config, header, typed
from edge.envoy.contract import DOMAIN, Contract
from edge.envoy.settings import Settings
from services.chassis.rules import ReasonRule

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
LIMIT_PERIOD = 1
GRPC = "application/grpc"

_PATH = "%PATH(NQ)%"
_REQUEST_ID = "%REQ(X-REQUEST-ID)%"
_BY_TOKEN_CHECK = "response.code_details.startsWith('jwt_authn_access_denied')"
_EXPIRED = "response.code_details.startsWith('jwt_authn_access_denied{Jwt_is_expired')"
# An edge that has just started and cannot get the keys knows nothing of a token: its bearer must not be signed out.
_WITHOUT_KEYS = "response.code_details.startsWith('jwt_authn_access_denied{Jwks_remote_fetch_is_failed')"
_AGAIN = {"retry-after": "1"}
_CHALLENGE = {"www-authenticate": 'Bearer error="invalid_token"'}
_TYPE = "type.googleapis.com/google.rpc."


@dataclass(frozen=True)
class Reply:
    """An answer of Envoy's own, by HTTP status and (`when`, a CEL expression) its cause, and the reason it stands for.

    `metadata` may hold Envoy's command operators. `grpc_reason` is the reason over gRPC, where it is another one;
    `becomes` the status that is sent, where Envoy's own choice is not the API's.
    """

    status: int
    reason: str
    metadata: dict[str, str] = field(default_factory=dict)
    when: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: int = 0
    grpc_reason: str = ""
    becomes: int = 0

    @property
    def sent(self) -> int:
        return self.becomes or self.status


def local_replies(contract: Contract, settings: Settings) -> Config:
    """`local_reply_config`: the first mapper that fits decides, so gRPC and the languages come before the default."""
    mappers = [mapper for reply in _replies(settings) for mapper in _mappers(reply, contract)]
    return {"mappers": mappers}


def _replies(settings: Settings) -> list[Reply]:
    limit = {"limit": str(settings.edge_address_rate), "period": f"{LIMIT_PERIOD}s"}
    return [
        Reply(401, "DEPENDENCY_UNAVAILABLE", when=_WITHOUT_KEYS, headers=_AGAIN, retry_after=1, becomes=503),
        Reply(401, "TOKEN_EXPIRED", when=_EXPIRED, headers=_CHALLENGE),
        Reply(401, "TOKEN_INVALID", headers=_CHALLENGE),
        # Made for another audience: to Envoy forbidden, to the caller a token like any other bad one.
        Reply(403, "TOKEN_INVALID", when=_BY_TOKEN_CHECK, headers=_CHALLENGE, becomes=401),
        Reply(403, "ACCESS_DENIED", {"method": f"%REQ(:METHOD)% {_PATH}"}),
        Reply(404, "ROUTE_NOT_FOUND", {"path": _PATH}, grpc_reason="NOT_SERVED"),
        Reply(405, "METHOD_NOT_ALLOWED", {"allow": ", ".join(METHODS)}, headers={"allow": ", ".join(METHODS)}),
        Reply(408, "DEADLINE_PASSED"),
        Reply(413, "BODY_TOO_LARGE", {"max_bytes": str(settings.edge_max_body_bytes)}),
        Reply(415, "MEDIA_TYPE_UNSUPPORTED"),
        Reply(429, "RATE_LIMITED", limit, headers={"retry-after": str(LIMIT_PERIOD)}, retry_after=LIMIT_PERIOD),
        Reply(500, "INTERNAL_ERROR", {"error_id": _REQUEST_ID}),
        *(Reply(status, "DEPENDENCY_UNAVAILABLE", headers=_AGAIN, retry_after=1) for status in (502, 503)),
        Reply(504, "DEADLINE_PASSED"),
        *(Reply(status, "INVALID_REQUEST") for status in (400, 414, 426, 431)),
    ]


def _mappers(reply: Reply, contract: Contract) -> Iterator[Config]:
    yield _grpc_mapper(reply, contract.reasons[reply.grpc_reason or reply.reason])
    reason = contract.reasons[reply.reason]
    for language in ("ar", "fr"):
        yield _rest_mapper(reply, reason, language, _header_starts("accept-language", language))
    yield _rest_mapper(reply, reason, "en")


def _rest_mapper(reply: Reply, reason: ReasonRule, language: str, *conditions: Config) -> Config:
    return {
        "filter": _all(_of_status(reply.status), *_caused_by(reply), *conditions),
        "status_code": reply.sent,
        "headers_to_add": [header(name, value) for name, value in reply.headers.items()],
        "body_format_override": {
            "json_format": {"error": _aip_193(reply, reason, language)},
            "content_type": "application/json",
        },
    }


def _aip_193(reply: Reply, reason: ReasonRule, language: str) -> Config:
    texts = {name: text.format_map(reply.metadata) for name, text in reason.texts.items()}
    retry = [{"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{reply.retry_after}s"}] if reply.retry_after else []
    return {
        "code": reply.sent,
        "message": texts["en"],
        "status": reason.code,
        "details": [
            {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": reply.reason,
                "domain": DOMAIN,
                "metadata": reply.metadata,
            },
            *retry,
            {"@type": f"{_TYPE}LocalizedMessage", "locale": language, "message": texts[language]},
        ],
    }


def _grpc_mapper(reply: Reply, reason: ReasonRule) -> Config:
    """The same as trailers. The typed details are constant, so they name no path."""
    code = code_pb2.Code.Value(reason.code)
    text = reason.texts["en"].format_map({"method": _PATH, **reply.metadata})
    return {
        "filter": _all(_of_status(reply.status), *_caused_by(reply), _header_starts("content-type", GRPC)),
        "headers_to_add": [
            header("grpc-status", str(code)),
            header("grpc-status-details-bin", _status_bytes(reply, reason.reason, code)),
        ],
        "body_format_override": {"text_format_source": {"inline_string": text}},
    }


def _status_bytes(reply: Reply, name: str, code: int) -> str:
    static = {key: value for key, value in reply.metadata.items() if "%" not in value}
    details: list[error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo] = [
        error_details_pb2.ErrorInfo(reason=name, domain=DOMAIN, metadata=static)
    ]
    if reply.retry_after:
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=reply.retry_after)))
    status = status_pb2.Status(code=code, message=HTTPStatus(reply.sent).phrase)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return base64.b64encode(status.SerializeToString(deterministic=True)).decode().rstrip("=")


def _of_status(status: int) -> Config:
    comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"edge.reply.{status}"}}
    return {"status_code_filter": {"comparison": comparison}}


def _caused_by(reply: Reply) -> list[Config]:
    if not reply.when:
        return []
    cel = typed("cel", "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=reply.when)
    return [{"extension_filter": cel}]


def _header_starts(name: str, prefix: str) -> Config:
    return {"header_filter": {"header": {"name": name, "string_match": {"prefix": prefix, "ignore_case": True}}}}


def _all(*filters: Config) -> Config:
    return filters[0] if len(filters) == 1 else {"and_filter": {"filters": list(filters)}}
