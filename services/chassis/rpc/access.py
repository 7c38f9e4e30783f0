"""Decides by the contract whether the caller may call, before anything is looked at, and whose answers may leave."""

from __future__ import annotations

from typing import Any

import structlog
from google.protobuf.message import Message

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal
from services.chassis.ids import to_typeid
from services.chassis.principal import Principal
from services.chassis.rpc.pipeline import Proceed
from services.chassis.rules import AccessRule

log = structlog.get_logger(__name__)


class AccessStage:
    """Refuses with TOKEN_MISSING or ACCESS_DENIED."""

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        refusal = refusal_of(call.rule.access, call.principal)
        if refusal is not None:
            raise ChassisRefusal(refusal, method=call.rule.full_name)
        return await proceed(call)


class OwnerStage:
    """The innermost stage: withholds an answer whose owner is somebody else, before it is stored or sent."""

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        response = await proceed(call)
        if call.rule.access.owners:
            _require_owner(call, response)
        return response


def refusal_of(access: AccessRule, principal: Principal) -> str | None:
    """The reason why `principal` may not call under `access`; None where it may."""
    if access.public or principal.workload in access.internal:
        return None
    if principal.user_id is None:
        return "TOKEN_MISSING" if access.roles else "ACCESS_DENIED"
    if not access.roles & principal.roles:
        return "ACCESS_DENIED"
    if principal.api_key_id is not None and not (access.scopes and access.scopes <= principal.scopes):
        return "ACCESS_DENIED"
    return None


def _require_owner(call: Call, response: Message) -> None:
    principal = call.principal
    if principal.is_admin or principal.workload in call.rule.access.internal or principal.user_id is None:
        return
    own = to_typeid("user", principal.user_id)
    if all(getattr(response, owner) != own for owner in call.rule.access.owners):
        log.error("answer withheld: it belongs to another user", rpc=call.rule.full_name)
        raise ChassisRefusal("ACCESS_DENIED", method=call.rule.full_name)
