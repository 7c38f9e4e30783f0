"""Finds out who calls: the workload by its certificate, the end user by the token it brings along."""

from __future__ import annotations

from typing import Any

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal
from services.chassis.principal import ANONYMOUS, EDGE_WORKLOADS, Principal, choose_locale
from services.chassis.rpc.pipeline import Proceed
from services.chassis.tls import workload_of
from services.chassis.tokens import TokenVerifier

_SAN = "x509_subject_alternative_name"
_BEARER = "bearer "


class IdentityStage:
    """Sets `call.principal`. A token that is not good is refused even where none is needed."""

    def __init__(self, verifier: TokenVerifier, environment: str, *, mutual_tls: bool) -> None:
        self._verifier = verifier
        self._environment = environment
        self._mutual_tls = mutual_tls

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        workload = self._workload(call)
        # The language first, so that a refusal below already speaks it.
        locale = choose_locale(_text(call.metadata.get("accept-language")))
        address = _client_address(call, workload)
        call.principal = ANONYMOUS.at(workload=workload, locale=locale, address=address)
        person = self._person(call)
        if "accept-language" not in call.metadata:
            locale = person.locale
        call.principal = person.at(workload=workload, locale=locale, address=address)
        return await proceed(call)

    def _workload(self, call: Call) -> str:
        if not self._mutual_tls:
            return ""
        workload = workload_of(call.context.auth_context().get(_SAN, []), self._environment)
        if not workload:
            raise ChassisRefusal("ACCESS_DENIED", method=call.rule.full_name)
        return workload

    def _person(self, call: Call) -> Principal:
        header = _text(call.metadata.get("authorization"))
        if not header:
            return ANONYMOUS
        if header[: len(_BEARER)].lower() != _BEARER:
            raise ChassisRefusal("TOKEN_INVALID")
        return self._verifier.verify(header[len(_BEARER) :].strip())


def _client_address(call: Call, workload: str) -> str:
    """Envoy appends the address it saw; whatever stands left of that is the client's own claim."""
    forwarded = _text(call.metadata.get("x-forwarded-for"))
    if forwarded and workload in EDGE_WORKLOADS:
        return forwarded.rpartition(",")[2].strip()
    return str(call.context.peer()).rpartition(":")[0]


def _text(value: str | bytes | None) -> str:
    return value if isinstance(value, str) else ""
