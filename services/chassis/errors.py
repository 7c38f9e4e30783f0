"""Errors: what a domain raises, what the chassis raises, and the one place that renders them as google.rpc.Status."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from services.chassis.contract import Contract, domain_of
from services.chassis.rules import ReasonRule

SHARED_DOMAIN = "kerya"

Details = Callable[[Exception], Sequence[Message]]


@runtime_checkable
class Refusal(Protocol):
    """What every domain error is: a reason of its package's ErrorReason, and the values its texts speak of."""

    reason: str
    metadata: Mapping[str, str]


class ChassisRefusal(Exception):
    """A refusal with one of the reasons all services share (kerya.contract.v1.ErrorReason)."""

    def __init__(
        self,
        reason: str,
        *,
        violations: Iterable[tuple[str, str, str]] = (),
        retry_after: float | None = None,
        **metadata: object,
    ) -> None:
        """`violations` are (field path, description, rule id); `retry_after` in seconds."""
        super().__init__(reason)
        self.reason = reason
        self.metadata = {key: str(value) for key, value in metadata.items()}
        self.violations = tuple(violations)
        self.retry_after = retry_after


def invalid(field: str, description: str, rule: str = "") -> ChassisRefusal:
    """A request fault that buf.validate cannot express; `field` as a path in proto names."""
    return ChassisRefusal("INVALID_REQUEST", violations=[(field, description, rule)])


def no_details(error: Exception) -> Sequence[Message]:
    """Adds no details beyond the usual ones."""
    return ()


class ErrorRenderer:
    """Renders exceptions for the callers of one package's services."""

    def __init__(self, contract: Contract, package: str, details: Details = no_details) -> None:
        self._contract = contract
        self._domain = domain_of(package)
        self._details = details

    def status(self, error: Exception, locale: str) -> status_pb2.Status:
        """Answers the Status of a Refusal. `locale` is "en", "fr" or "ar"."""
        rule = self._rule(error)
        metadata = dict(getattr(error, "metadata", {}))
        status = status_pb2.Status(code=code_pb2.Code.Value(rule.code), message=_text(rule, "en", metadata))
        info = error_details_pb2.ErrorInfo(reason=rule.reason, domain=rule.domain, metadata=metadata)
        _add(status, info)
        for detail in self._more(error, rule, metadata):
            _add(status, detail)
        _add(status, error_details_pb2.LocalizedMessage(locale=locale, message=_text(rule, locale, metadata)))
        return status

    def knows(self, error: Exception) -> bool:
        """Whether the error is a refusal with a reason of the contract."""
        return isinstance(error, Refusal) and self._find(error) is not None

    def _rule(self, error: Exception) -> ReasonRule:
        rule = self._find(error)
        if rule is None:
            raise LookupError(f"{error!r} has no reason in the contract")
        return rule

    def _find(self, error: Exception) -> ReasonRule | None:
        domain = SHARED_DOMAIN if isinstance(error, ChassisRefusal) else self._domain
        return self._contract.reasons.get((domain, getattr(error, "reason", "")))

    def _more(self, error: Exception, rule: ReasonRule, metadata: Mapping[str, str]) -> Iterable[Message]:
        if violations := getattr(error, "violations", ()):
            yield _bad_request(violations)
        if rule.code == "FAILED_PRECONDITION":
            yield _precondition(rule, metadata)
        if (seconds := getattr(error, "retry_after", None)) is not None:
            delay = Duration()
            delay.FromMilliseconds(max(1, round(seconds * 1000)))
            yield error_details_pb2.RetryInfo(retry_delay=delay)
        yield from self._details(error)


def new_error_id() -> str:
    """A short id that joins an internal error's answer with its log line."""
    return uuid.uuid4().hex[:12]


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _bad_request(violations: Iterable[tuple[str, str, str]]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field=field, description=text, reason=rule)
            for field, text, rule in violations
        ]
    )


def _precondition(rule: ReasonRule, metadata: Mapping[str, str]) -> error_details_pb2.PreconditionFailure:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=rule.reason, subject=next(iter(metadata.values()), ""), description=_text(rule, "en", metadata)
    )
    return error_details_pb2.PreconditionFailure(violations=[violation])


class _Missing(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def _text(rule: ReasonRule, locale: str, metadata: Mapping[str, str]) -> str:
    return rule.texts.get(locale, rule.texts["en"]).format_map(_Missing(metadata))
