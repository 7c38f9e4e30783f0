"""The gRPC connections of the mesh: their options with the reasons, and how one outlives its certificate."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any, Protocol

import grpc

from services.chassis.tls import Identity

# Closing at once would cut the calls that an old connection still carries.
RETIREMENT_SECONDS = 30.0
RENEWAL_CHECK_SECONDS = 5.0
# Of an answer. What one caller of a service can read, all can.
MAX_MESSAGE_BYTES = 8 << 20

_OPTIONS: list[tuple[str, Any]] = [
    # Never below what servers allow (rpc/server.py), or they answer ENHANCE_YOUR_CALM.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Without it a frozen peer is noticed after 70 s, not 12 s.
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # The default waits up to 120 s before it tries a server again that was down.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
]


class Rpc(Protocol):
    """What a connection needs to know of an RPC: whether calling it twice is the same as once."""

    @property
    def service(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> bool: ...


class RenewingChannel:
    """A connection to one workload. A renewed certificate makes a new one, and the old one retires with its calls."""

    def __init__(self, name: str, target: str, rpcs: Iterable[Rpc], identity: Identity | None) -> None:
        """`name` is the workload's; `target` is host:port or dns:///…. Raises OSError where the identity has no files."""
        self._name = name
        self._target = target
        self._identity = identity
        self._options = [*_OPTIONS, ("grpc.service_config", service_config(rpcs))]
        self._version = identity.version if identity else 0
        self._next_check = time.monotonic() + RENEWAL_CHECK_SECONDS
        self._channel = self._open()
        self._retiring: dict[asyncio.Task[None], grpc.aio.Channel] = {}

    def current(self) -> grpc.aio.Channel:
        """The channel to make the next call on; another one after a renewal."""
        if self._identity is not None and time.monotonic() >= self._next_check:
            self._renew(self._identity)
        return self._channel

    async def close(self) -> None:
        """Closes the connection, and those that are retiring."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*(channel.close() for channel in (self._channel, *self._retiring.values())))

    def _open(self) -> grpc.aio.Channel:
        if self._identity is None:
            return grpc.aio.insecure_channel(self._target, self._options)
        # Names of certificates are workload identities; the address is only where to find one.
        options = [*self._options, ("grpc.ssl_target_name_override", self._name)]
        return grpc.aio.secure_channel(self._target, self._identity.channel_credentials(), options)

    def _renew(self, identity: Identity) -> None:
        self._next_check = time.monotonic() + RENEWAL_CHECK_SECONDS
        try:
            version = identity.version
            if version == self._version:
                return
            fresh = self._open()
        except OSError:
            # While a file is being replaced, the one in use is still good; the next check tries again.
            return
        self._version = version
        retired, self._channel = self._channel, fresh
        task = asyncio.create_task(_retire(retired))
        self._retiring[task] = retired
        task.add_done_callback(lambda done: self._retiring.pop(done, None))


async def _retire(channel: grpc.aio.Channel) -> None:
    await asyncio.sleep(RETIREMENT_SECONDS)
    await channel.close()


def service_config(rpcs: Iterable[Rpc]) -> str:
    """The gRPC service config: balanced round robin, and UNAVAILABLE retried for what only reads."""
    names = [{"service": rpc.service, "method": rpc.name} for rpc in rpcs if rpc.reads]
    policy = {
        "maxAttempts": 3,
        "initialBackoff": "0.05s",
        "maxBackoff": "0.5s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    return json.dumps(
        {
            "loadBalancingConfig": [{"round_robin": {}}],
            "methodConfig": [{"name": names, "retryPolicy": policy}] if names else [],
            # A backend that only fails gets at most a tenth more calls than its callers make.
            "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
        }
    )
