"""Runs every RPC of the contract through the stages, in their order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from services.chassis.call import Call, enter
from services.chassis.contract import Contract
from services.chassis.rules import ContractError, MethodRule

Proceed = Callable[[Call], Awaitable[Any]]
Handler = Any  # grpc.RpcMethodHandler, whose stubs know the synchronous API only
# Not of our contract, and open to every workload: probes and developers' tools.
PLUMBING = ("/grpc.health.v1.Health/", "/grpc.reflection.")


class Stage(Protocol):
    """One station of an RPC's way; goes on with `await proceed(call)`, whose result is the response."""

    async def __call__(self, call: Call, proceed: Proceed) -> Any: ...


class Pipeline(grpc.aio.ServerInterceptor):
    """The only interceptor of a server. It wraps a method's handler once and remembers it."""

    def __init__(self, contract: Contract, stages: Sequence[Stage]) -> None:
        self._contract = contract
        self._stages = stages
        self._handlers: dict[str, Handler] = {}
        self.under_way: set[asyncio.Task[Any]] = set()

    async def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        """Answers the wrapped handler; methods outside the contract are refused, plumbing passes."""
        known = self._handlers.get(details.method)
        if known is not None:
            return known
        handler = await continuation(details)
        if handler is None or details.method.startswith(PLUMBING):
            return handler
        rule = self._contract.methods.get(details.method)
        if rule is None:
            raise ContractError(f"{details.method} is not in the contract")
        self._handlers[details.method] = self._wrap(rule, handler)
        return self._handlers[details.method]

    def _wrap(self, rule: MethodRule, handler: Handler) -> Handler:
        if handler.unary_unary:
            run = partial(self._run, rule, self._compose(_unary(handler.unary_unary)))
            return grpc.unary_unary_rpc_method_handler(run, None, _serialize)
        if handler.unary_stream:
            run = partial(self._run, rule, self._compose(_stream(handler.unary_stream)))
            return grpc.unary_stream_rpc_method_handler(run, None, _serialize)
        behavior = handler.stream_stream or handler.stream_unary
        innermost = _unary(behavior, of_payload=True) if handler.stream_unary else _stream(behavior, of_payload=True)
        run = partial(self._run, rule, self._compose(innermost))
        make = grpc.stream_unary_rpc_method_handler if handler.stream_unary else grpc.stream_stream_rpc_method_handler
        return make(run, handler.request_deserializer, _serialize)

    def _compose(self, innermost: Proceed) -> Proceed:
        proceed = innermost
        for stage in reversed(self._stages):
            proceed = partial(stage, proceed=proceed)
        return proceed

    async def _run(self, rule: MethodRule, proceed: Proceed, payload: Any, context: Any) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self.under_way.add(task)
        try:
            call = Call(rule, context, payload, dict(context.invocation_metadata()))
            enter(call)
            return await proceed(call)
        finally:
            self.under_way.discard(task)

    async def settle(self) -> None:
        """Waits for handlers under way: `Server.stop` returns before the `finally` of an aborted one ran."""
        if self.under_way:
            await asyncio.wait(set(self.under_way))


def _unary(behavior: Any, *, of_payload: bool = False) -> Proceed:
    async def innermost(call: Call) -> Any:
        return await behavior(call.payload if of_payload else call.request, call.context)

    return innermost


def _stream(behavior: Any, *, of_payload: bool = False) -> Proceed:
    async def innermost(call: Call) -> None:
        async for message in behavior(call.payload if of_payload else call.request, call.context):
            await call.context.write(message)

    return innermost


def _serialize(response: Message | bytes) -> bytes:
    # A replayed answer is bytes already.
    return response if isinstance(response, bytes) else response.SerializeToString()
