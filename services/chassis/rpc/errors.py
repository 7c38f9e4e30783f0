"""Ends a failed call with one google.rpc.Status; nothing else of an exception ever reaches a caller."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
import structlog
from google.rpc import code_pb2, status_pb2

from services.chassis.call import Call
from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal, Details, ErrorRenderer, new_error_id
from services.chassis.failures import failed_dependency
from services.chassis.rpc.pipeline import Proceed

STATUS_TRAILER = "grpc-status-details-bin"

log = structlog.get_logger(__name__)


class ErrorStage:
    """Renders refusals with their reason, dead dependencies as UNAVAILABLE, and all else as INTERNAL with an error id."""

    def __init__(self, contract: Contract, details: Details) -> None:
        self._renderers = {
            package: ErrorRenderer(contract, package, details)
            for package in {method.package for method in contract.methods.values()}
        }

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        try:
            return await proceed(call)
        except grpc.aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001  the outermost wall: what is not known becomes INTERNAL, and never leaks
            status = self._render(call, error)
        await _abort(call, status)

    def _render(self, call: Call, error: Exception) -> status_pb2.Status:
        renderer = self._renderers[call.rule.package]
        if renderer.knows(error):
            return renderer.status(error, call.principal.locale)
        return renderer.status(_as_refusal(call, error), call.principal.locale)


def _as_refusal(call: Call, error: Exception) -> ChassisRefusal:
    if isinstance(error, NotImplementedError):
        return ChassisRefusal("NOT_SERVED", method=call.rule.full_name)
    dependency = failed_dependency(error)
    if dependency is not None:
        log.warning("dependency failed", dependency=dependency, rpc=call.rule.full_name, error=repr(error)[:500])
        return ChassisRefusal("DEPENDENCY_UNAVAILABLE", dependency=dependency, retry_after=1.0)
    error_id = new_error_id()
    log.error("rpc failed", rpc=call.rule.full_name, error_id=error_id, exc_info=error)
    return ChassisRefusal("INTERNAL_ERROR", error_id=error_id)


async def _abort(call: Call, status: status_pb2.Status) -> NoReturn:
    call.code = code_pb2.Code.Name(status.code)
    call.trailers.append((STATUS_TRAILER, status.SerializeToString()))
    await call.context.abort(getattr(grpc.StatusCode, call.code), status.message, tuple(call.trailers))
    raise AssertionError("abort returned")
