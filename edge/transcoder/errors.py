"""Errors as AIP-193 bodies: {"error": {"code", "status", "message", "details"}}, ours and the services' alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson
from protobuf import Message

from edge.transcoder.contract import Contract
from edge.transcoder.faults import Fault
from edge.transcoder.response import Response

DOMAIN = "kerya"
LANGUAGES = ("en", "fr", "ar")
STATUS_NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
HTTP_OF_CODE = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)
# Where HTTP has a closer word than the canonical code.
HTTP_OF_REASON = {"METHOD_NOT_ALLOWED": 405, "MEDIA_TYPE_UNSUPPORTED": 415, "BODY_TOO_LARGE": 413}
# A status without details comes from the transport or a server outside the house: its text stays inside.
REASON_OF_CODE = {
    3: "INVALID_REQUEST",
    4: "DEADLINE_PASSED",
    7: "ACCESS_DENIED",
    12: "NOT_SERVED",
    14: "DEPENDENCY_UNAVAILABLE",
    16: "TOKEN_INVALID",
}
_TYPE = "type.googleapis.com/google.rpc."
_HIDDEN = "google.rpc.DebugInfo"


def status_name(code: int) -> str:
    """The canonical name of a gRPC code."""
    return STATUS_NAMES[code] if 0 <= code < len(STATUS_NAMES) else "UNKNOWN"


def http_of(code: int) -> int:
    """The HTTP status of a gRPC code."""
    return HTTP_OF_CODE[code] if 0 <= code < len(HTTP_OF_CODE) else 500


class _Kept(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class Errors:
    """Renders every failure. Texts are the contract's, in English and in the caller's language."""

    def __init__(self, contract: Contract) -> None:
        self._registry = contract.registry
        self._reasons = {name: rule for (domain, name), rule in contract.rules.reasons.items() if domain == DOMAIN}
        self._status: type[Message] = contract.message("google.rpc.Status")

    def of_fault(self, fault: Fault, accept_language: str = "") -> Response:
        """The answer to a request that the edge itself refuses."""
        reason = self._reasons[fault.reason]
        code = STATUS_NAMES.index(reason.code)
        details: list[dict[str, Any]] = [_error_info(fault.reason, DOMAIN, fault.metadata)]
        if fault.violations:
            violations = [{"field": each.field, "description": each.description} for each in fault.violations[:100]]
            details.append({"@type": _TYPE + "BadRequest", "fieldViolations": violations})
        if fault.retry_after is not None:
            details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{fault.retry_after:g}s"})
        locale = language(accept_language)
        texts = {name: text.format_map(_Kept(fault.metadata)) for name, text in reason.texts.items()}
        details.append({"@type": _TYPE + "LocalizedMessage", "locale": locale, "message": texts[locale]})
        http_status = fault.http_status or HTTP_OF_REASON.get(fault.reason) or HTTP_OF_CODE[code]
        return _response(http_status, code, texts["en"], details, fault.headers)

    def of_status(
        self, code: int, metadata: Iterable[tuple[str, str | bytes]], call: Call, details: str = ""
    ) -> Response:
        """The answer to a call that a service, or the way there, failed."""
        packed = next((value for key, value in metadata if key == "grpc-status-details-bin"), None)
        status: Any = self._read(packed) if isinstance(packed, bytes) else None
        if status is None or not status.details:
            return self._of_bare_code(code, call)
        shown = [detail for each in status.details if (detail := self._detail(each)) is not None]
        return _response(_http_status(code, shown, call), code, status.message, shown)

    def _of_bare_code(self, code: int, call: Call) -> Response:
        reason = REASON_OF_CODE.get(code)
        if reason is not None:
            fault = Fault(reason, method=call.method, retry_after=1 if code == 14 else None)
            return self.of_fault(fault, call.accept_language)
        name = status_name(code)
        info = _error_info(name, call.method.lstrip("/").partition("/")[0], {})
        return _response(http_of(code), code, name.replace("_", " ").capitalize() + ".", [info])

    def _read(self, packed: bytes) -> Message | None:
        try:
            return self._status.from_binary(packed)
        except ValueError:
            return None

    def _detail(self, packed: Any) -> dict[str, Any] | None:
        if packed.type_url.endswith(_HIDDEN):
            return None
        try:
            shown: dict[str, Any] = orjson.loads(packed.to_json(registry=self._registry))
        except ValueError:
            # A type the descriptor set lacks cannot be shown; the rest of the error still can.
            return None
        return shown


class Call:
    """What an error's rendering needs to know of the call: gRPC path, Accept-Language, whether If-Match was sent."""

    __slots__ = ("accept_language", "conditional", "method")

    def __init__(self, method: str, accept_language: str, conditional: bool) -> None:
        self.method = method
        self.accept_language = accept_language
        self.conditional = conditional


def _http_status(code: int, details: list[dict[str, Any]], call: Call) -> int:
    reason = next((each.get("reason", "") for each in details if each["@type"].endswith("ErrorInfo")), "")
    if reason == "ETAG_MISMATCH" and call.conditional:
        return 412
    return HTTP_OF_REASON.get(reason) or http_of(code)


def _error_info(reason: str, domain: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    info: dict[str, Any] = {"@type": _TYPE + "ErrorInfo", "reason": reason, "domain": domain}
    if metadata:
        info["metadata"] = dict(metadata)
    return info


def _response(
    http_status: int,
    code: int,
    message: str,
    details: list[dict[str, Any]],
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> Response:
    name = status_name(code)
    body = orjson.dumps({"error": {"code": http_status, "status": name, "message": message, "details": details}})
    made = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *headers]
    retry = next(
        (each["retryDelay"] for each in details if each["@type"].endswith("RetryInfo") and "retryDelay" in each), None
    )
    if retry is not None:
        made.append((b"retry-after", str(max(1, math.ceil(float(retry[:-1])))).encode()))
    if http_status == 401:
        made.append((b"www-authenticate", b'Bearer realm="kerya"'))
    return Response(http_status, made, body)


@lru_cache(maxsize=512)
def language(accept_language: str) -> str:
    """The best of the house's languages for an Accept-Language value; English where it names none of them."""
    best, best_weight = "en", 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        try:
            weight = float(parameter.strip()[2:]) if parameter.strip().startswith("q=") else 1.0
        except ValueError:
            continue
        if name in LANGUAGES and weight > best_weight:
            best, best_weight = name, weight
    return best
