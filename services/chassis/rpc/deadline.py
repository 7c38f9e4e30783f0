"""Gives every call a deadline: its caller's, capped; or the default where the caller set none."""

from __future__ import annotations

import asyncio
from typing import Any

from services.chassis.call import Call
from services.chassis.errors import ChassisRefusal
from services.chassis.rpc.pipeline import Proceed


class DeadlineStage:
    """Cancels what takes longer than the deadline; streams may last, but only as long as their caller said."""

    def __init__(self, default: float, longest: float) -> None:
        """Both in seconds."""
        self._default = default
        self._longest = longest

    async def __call__(self, call: Call, proceed: Proceed) -> Any:
        remaining = call.context.time_remaining()
        if call.rule.server_streaming:
            return await proceed(call)
        # gRPC itself cancels the handler at the caller's deadline; a timer of ours is only needed for an earlier one.
        own = self._default if remaining is None else self._longest
        timeout = own if remaining is None else min(remaining, own)
        call.deadline = asyncio.get_running_loop().time() + timeout
        if remaining is not None and remaining <= own:
            return await proceed(call)
        try:
            async with asyncio.timeout(timeout):
                return await proceed(call)
        except TimeoutError:
            raise ChassisRefusal("DEADLINE_PASSED") from None
