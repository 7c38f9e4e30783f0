"""The gRPC server of a service: its options, its stages, and its graceful end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from services.chassis.contract import Contract
from services.chassis.health import Health
from services.chassis.rpc.pipeline import Pipeline
from services.chassis.rpc.reflection import add_reflection
from services.chassis.rules import ContractError
from services.chassis.settings import ChassisSettings
from services.chassis.tls import Identity

Registration = tuple[Callable[[Any, grpc.aio.Server], None], object]

log = structlog.get_logger(__name__)


def server_options(settings: ChassisSettings) -> list[tuple[str, Any]]:
    """The channel arguments of every server, each with its reason."""
    return [
        # Otherwise two servers share one port without a word.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        # A soft and the hard bound of headers; Envoy refuses above 12 KiB before.
        ("grpc.max_metadata_size", 8 * 1024),
        ("grpc.absolute_max_metadata_size", 16 * 1024),
        # Clients look for new replicas only when a connection ends; gRPC adds ±10 % so that they do not come at once.
        ("grpc.max_connection_age_ms", int(settings.max_connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", 30_000),
        # Pairs with the keepalive of client.py: below this interval the server would say too_many_pings.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


class RpcServer:
    """Serves the registered servicers. Refuses to start where one of their RPCs is not fully declared."""

    def __init__(
        self,
        settings: ChassisSettings,
        contract: Contract,
        pipeline: Pipeline,
        health: Health,
        identity: Identity | None,
    ) -> None:
        self._settings = settings
        self._contract = contract
        self._pipeline = pipeline
        self._health = health
        self._identity = identity
        self._server = grpc.aio.server(
            interceptors=[pipeline],
            options=server_options(settings),
            maximum_concurrent_rpcs=settings.max_concurrent_calls,
        )

    async def start(self, servicers: Iterable[Registration]) -> int:
        """Binds and serves; answers the port."""
        for register, servicer in servicers:
            register(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._server)
        add_reflection(self._server)
        port = self._bind()
        await self._server.start()
        return port

    def _bind(self) -> int:
        if self._identity is None:
            if self._settings.environment != "development":
                raise ContractError("KERYA_TLS_DIRECTORY is not set: only development may run without mutual TLS")
            return self._server.add_insecure_port(self._settings.listen)
        return self._server.add_secure_port(self._settings.listen, self._identity.server_credentials())

    async def stop(self) -> None:
        """Drains: NOT_SERVING, a moment for balancers to notice, then no new calls, then the end of those under way."""
        await self._health.drain()
        await asyncio.sleep(self._settings.drain_delay)
        await self._server.stop(self._settings.drain_grace)
        await self._pipeline.settle()
        log.info("drained")
