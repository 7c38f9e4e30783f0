"""Errors as the caller reads them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.transcoder.errors import Call, Errors, language
from edge.transcoder.faults import Fault, Violation
from tests.unit.edge.library import contract

ERRORS = Errors(contract())
CALL = Call("/kerya.library.v1.LibraryService/GetBook", "", conditional=False)


def body(fault: Fault, accept_language: str = "") -> dict[str, Any]:
    made: dict[str, Any] = json.loads(ERRORS.of_fault(fault, accept_language).body)["error"]
    return made


def make(name: str, **fields: Any) -> Any:
    return contract().message(name)(**fields)


def packed(message: Any) -> Any:
    url = f"type.googleapis.com/{message.desc().type_name}"
    return make("google.protobuf.Any", type_url=url, value=message.to_binary())


def status(code: int, *details: Any, conditional: bool = False) -> tuple[int, dict[str, Any]]:
    made = make("google.rpc.Status", code=code, message="Said.", details=[packed(each) for each in details])
    call = Call(CALL.method, "", conditional)
    response = ERRORS.of_status(code, [("grpc-status-details-bin", made.to_binary())], call)
    return response.status, json.loads(response.body)["error"]


def test_our_own_error_has_code_status_message_and_details() -> None:
    error = body(Fault("ROUTE_NOT_FOUND", path="/x"), "ar-DZ,fr;q=0.5")
    assert (error["code"], error["status"], error["message"]) == (404, "NOT_FOUND", "No such path: /x.")
    info, localized = error["details"]
    assert info == {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ROUTE_NOT_FOUND",
        "domain": "kerya",
        "metadata": {"path": "/x"},
    }
    assert localized["locale"] == "ar" and "/x" in localized["message"]


@pytest.mark.parametrize(
    ("reason", "http"),
    [
        ("METHOD_NOT_ALLOWED", 405),
        ("MEDIA_TYPE_UNSUPPORTED", 415),
        ("BODY_TOO_LARGE", 413),
        ("BODY_MALFORMED", 400),
        ("TOKEN_MISSING", 401),
        ("ACCESS_DENIED", 403),
        ("RATE_LIMITED", 429),
        ("INTERNAL_ERROR", 500),
        ("DEPENDENCY_UNAVAILABLE", 503),
        ("DEADLINE_PASSED", 504),
        ("NOT_SERVED", 501),
    ],
)
def test_http_status_of_a_reason(reason: str, http: int) -> None:
    assert ERRORS.of_fault(Fault(reason)).status == http


def test_violations_and_retry_are_typed_details() -> None:
    error = body(Fault("INVALID_REQUEST", violations=[Violation("a.b", "wrong")], retry_after=1.5))
    kinds = {each["@type"].rpartition(".")[2]: each for each in error["details"]}
    assert kinds["BadRequest"]["fieldViolations"] == [{"field": "a.b", "description": "wrong"}]
    assert kinds["RetryInfo"]["retryDelay"] == "1.5s"
    assert (b"retry-after", b"2") in ERRORS.of_fault(Fault("RATE_LIMITED", retry_after=1.5)).headers


@pytest.mark.parametrize(
    ("code", "http"),
    list(enumerate([499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401], start=1)),
)
def test_http_status_of_a_code(code: int, http: int) -> None:
    found, error = status(code, make("google.rpc.ErrorInfo", reason="X", domain="d"))
    assert (found, error["code"], error["message"]) == (http, http, "Said.")


def test_a_services_details_are_shown_but_not_its_debug_info() -> None:
    info = make("google.rpc.ErrorInfo", reason="NIGHTS_TAKEN", domain="booking.kerya", metadata={"night": "2026-12-31"})
    _, error = status(9, info, make("google.rpc.DebugInfo", detail="select"), make("google.rpc.Help"))
    assert [each["@type"].rpartition(".")[2] for each in error["details"]] == ["ErrorInfo", "Help"]
    assert error["details"][0]["metadata"] == {"night": "2026-12-31"}


def test_a_detail_of_an_unknown_type_does_not_hide_the_others() -> None:
    unknown = make("google.protobuf.Any", type_url="type.googleapis.com/other.Thing", value=b"x")
    info = packed(make("google.rpc.ErrorInfo", reason="X", domain="d"))
    made = make("google.rpc.Status", code=5, message="Said.", details=[unknown, info])
    response = ERRORS.of_status(5, [("grpc-status-details-bin", made.to_binary())], CALL)
    assert [each["reason"] for each in json.loads(response.body)["error"]["details"]] == ["X"]


@pytest.mark.parametrize("trailing", [[], [("grpc-status-details-bin", b"\xff\xff")]])
def test_a_bare_status_tells_nothing_of_the_inside(trailing: list[tuple[str, str | bytes]]) -> None:
    response = ERRORS.of_status(14, trailing, CALL)
    error = json.loads(response.body)["error"]
    assert response.status == 503
    assert error["details"][0]["reason"] == "DEPENDENCY_UNAVAILABLE"
    assert json.loads(ERRORS.of_status(5, trailing, CALL).body)["error"]["details"][0]["reason"] == "NOT_FOUND"


def test_a_failed_if_match_is_412_and_the_same_without_one_is_409() -> None:
    info = make("google.rpc.ErrorInfo", reason="ETAG_MISMATCH", domain="kerya")
    assert status(10, info, conditional=True)[0] == 412
    assert status(10, info)[0] == 409


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "en"),
        ("ar", "ar"),
        ("ar-DZ", "ar"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.5,fr;q=0.7", "fr"),
        ("de", "en"),
        ("*", "en"),
        ("fr;q=0", "en"),
        ("fr;q=x,ar;q=0.1", "ar"),
        (",,;", "en"),
    ],
)
def test_the_language_is_the_best_the_house_has(header: str, expected: str) -> None:
    assert language(header) == expected
