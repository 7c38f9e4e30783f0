"""A gRPC service that answers with the metadata it was sent, over mutual TLS, with health and reflection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as grpc_health
from grpc_reflection.v1alpha import reflection

from services.chassis.tls import Identity, workload_of
from tests.integration.edge_envoy.demo_contract import SERVICE


class GrpcUpstream:
    """Messages are JSON text as raw bytes: the edge never looks inside them."""

    def __init__(self, port: int, identity: Path) -> None:
        self.calls = 0
        self.cancelled = asyncio.Event()
        self._address, self._identity = f"127.0.0.1:{port}", identity
        self.health = grpc_health.HealthServicer()
        self.server = self._server()

    async def start(self) -> None:
        await self.be_ready(True)
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop(0)

    async def restart(self) -> None:
        """A new server on the same port, with the certificate that is on disk now."""
        await self.stop()
        self.server = self._server()
        await self.server.start()

    async def be_ready(self, ready: bool) -> None:
        status = health_pb2.HealthCheckResponse
        await self.health.set("readiness", status.SERVING if ready else status.NOT_SERVING)

    def _server(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        reflection.enable_server_reflection((reflection.SERVICE_NAME, "grpc.health.v1.Health"), server)
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "GetThing": grpc.unary_unary_rpc_method_handler(self._echo),
            "CreateThing": grpc.unary_unary_rpc_method_handler(self._sleep),
            "Inside": grpc.unary_unary_rpc_method_handler(self._echo),
            "WatchThing": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        server.add_secure_port(self._address, Identity(self._identity).server_credentials())
        return server

    async def _echo(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        self.calls += 1
        metadata = {
            key: value if isinstance(value, str) else value.hex() for key, value in context.invocation_metadata() or ()
        }
        sans = context.auth_context().get("x509_subject_alternative_name", [])
        seen = {
            "metadata": metadata,
            "workload": workload_of(list(sans), "development"),
            "seconds_left": context.time_remaining(),
            "body": request.decode(),
        }
        return json.dumps(seen).encode()

    async def _sleep(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def _watch(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> AsyncIterator[bytes]:
        for number in range(4):
            yield str(number).encode()
            await asyncio.sleep(0.6)
