"""The user service as it runs in the mesh: real engines, mutual TLS, the whole chassis; and people who call it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import sqlalchemy as sa
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local import pki
from deploy.local import secrets as secret_files
from deploy.local.probe import free_ports
from kerya.user.v1 import auth_service_pb2 as auth
from kerya.user.v1 import auth_service_pb2_grpc, user_events_pb2, user_pb2, user_service_pb2_grpc
from services.chassis import topology
from services.chassis.clock import Clock
from services.chassis.contract import Contract
from services.chassis.migrations import upgrade
from services.chassis.runtime import start
from services.chassis.service import Chassis, Service
from services.user.app import build
from services.user.settings import Settings

PASSWORD = "a quiet valley of cedars"


class ShiftedClock(Clock):
    """The system's clock, some way ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Stand:
    """The running service and what a test looks at beside its answers."""

    address: str
    pki: Path
    settings: Settings
    clock: ShiftedClock
    engine: AsyncEngine
    _channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)

    def channel(self, workload: str) -> grpc.aio.Channel:
        """A connection with that workload's certificate."""
        if workload not in self._channels:
            folder = self.pki / workload
            credentials = grpc.ssl_channel_credentials(
                (folder / "ca.pem").read_bytes(), (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()
            )
            options = [("grpc.ssl_target_name_override", "localhost")]
            self._channels[workload] = grpc.aio.secure_channel(self.address, credentials, options=options)
        return self._channels[workload]

    async def rows(self, statement: str, **parameters: object) -> list[Any]:
        """What the database itself holds."""
        async with self.engine.connect() as connection:
            return list((await connection.execute(sa.text(statement), parameters)).all())

    async def execute(self, statement: str, **parameters: object) -> None:
        """A change behind the service's back."""
        async with self.engine.begin() as connection:
            await connection.execute(sa.text(statement), parameters)

    async def events(self, message: type[Any], **fields: object) -> list[Any]:
        """The events of a kind in the outbox, published or not, whose fields are as given."""
        rows = await self.rows(
            "SELECT payload FROM outbox WHERE type = :t ORDER BY seq", t=message.DESCRIPTOR.full_name
        )
        found = [message.FromString(row.payload) for row in rows]
        return [event for event in found if all(getattr(event, name) == value for name, value in fields.items())]

    async def issue_token(self, user_id: str, purpose: str) -> auth.IssueEmailTokenResponse:
        """What the notification service puts into the newest e-mail of a kind to a user."""
        requested = await self.events(
            user_events_pb2.EmailVerificationRequested,
            user_id=user_id,
            purpose=user_pb2.EmailPurpose.Value(purpose),
        )
        stub = auth_service_pb2_grpc.AuthServiceStub(self.channel("notification"))
        return await stub.IssueEmailToken(
            auth.IssueEmailTokenRequest(verification_id=requested[-1].verification_id), timeout=10
        )

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        await self.engine.dispose()


class Person:
    """Somebody who calls through the edge, from an address of their own."""

    def __init__(self, stand: Stand, email: str = "", address: str = "") -> None:
        self.stand = stand
        self.email = email or f"{secrets.token_hex(6)}@example.com"
        self.address = address or f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        self.password = PASSWORD
        self.tokens = user_pb2.TokenPair()
        self.user_id = ""
        channel = stand.channel("transcoder")
        self.auth = auth_service_pb2_grpc.AuthServiceStub(channel)
        self.users = user_service_pb2_grpc.UserServiceStub(channel)

    def metadata(self, key: str = "", token: str | None = None, **more: str) -> tuple[tuple[str, str], ...]:
        found = {"x-forwarded-for": self.address, **{name.replace("_", "-"): value for name, value in more.items()}}
        bearer = self.tokens.access_token if token is None else token
        if bearer:
            found["authorization"] = f"Bearer {bearer}"
        if key:
            found["idempotency-key"] = key
        return tuple(found.items())

    async def call(self, rpc: Any, request: Any, key: str = "", token: str | None = None, **more: str) -> Any:
        """One RPC with this person's token."""
        return await rpc(request, metadata=self.metadata(key, token, **more), timeout=20)

    async def register(self, key: str = "", **fields: Any) -> auth.RegisterResponse:
        """Registers, and keeps the tokens."""
        request = auth.RegisterRequest(
            **{"email": self.email, "password": self.password, "display_name": "Lina", "locale": "fr", **fields}
        )
        answer = await self.call(self.auth.Register, request, key or secrets.token_hex(8), token="")
        self.tokens, self.user_id = answer.tokens, answer.user.user_id
        return answer

    async def verify(self, purpose: str = "VERIFY_EMAIL") -> auth.VerifyEmailResponse:
        """Opens the e-mail."""
        issued = await self.stand.issue_token(self.user_id, purpose)
        return await self.call(self.auth.VerifyEmail, auth.VerifyEmailRequest(token=issued.token), token="")

    async def login(self, **fields: Any) -> user_pb2.TokenPair:
        """Signs in, and keeps the tokens."""
        request = auth.LoginRequest(**{"email": self.email, "password": self.password, **fields})
        self.tokens = await self.call(self.auth.Login, request, token="")
        return self.tokens

    async def refresh(self, token: str) -> user_pb2.TokenPair:
        return await self.call(self.auth.Refresh, auth.RefreshRequest(refresh_token=token), token="")


def details_of(error: grpc.aio.AioRpcError, kind: type[Any]) -> list[Any]:
    """The details of a kind that a refusal carries."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    found = []
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            found.append(kind.FromString(detail.value))
    return found


def reason_of(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    """The reason of a refusal, and its metadata."""
    [info] = details_of(error, error_details_pb2.ErrorInfo)
    return info.reason, dict(info.metadata)


class Refused:
    """`async with refused("REASON") as refusal:` the block must fail with that reason."""

    def __init__(self, reason: str, code: grpc.StatusCode | None) -> None:
        self.reason = reason
        self.code = code
        self.metadata: dict[str, str] = {}
        self.error: Any = None

    async def __aenter__(self) -> Refused:
        return self

    async def __aexit__(self, kind: Any, error: Any, _trace: Any) -> bool:
        assert isinstance(error, grpc.aio.AioRpcError), f"not refused: {error!r}"
        reason, self.metadata = reason_of(error)
        self.error = error
        assert reason == self.reason, (reason, self.metadata, error.details())
        assert self.code is None or error.code() is self.code
        return True


def refused(reason: str, code: grpc.StatusCode | None = None) -> Refused:
    return Refused(reason, code)


@asynccontextmanager
async def standing(home: Path, database_url: str, redis_url: str, nats_url: str) -> AsyncIterator[Stand]:
    """Serves until the block ends."""
    mesh = topology.load()
    secret_files.ensure(home / "secrets", mesh)
    pki.ensure(home / "pki", mesh, "development")
    port, ops = free_ports(2)
    settings = Settings(
        service="user",
        listen=f"127.0.0.1:{port}",
        metrics_listen=f"127.0.0.1:{ops}",
        tls_directory=home / "pki" / "user",
        secrets_directory=home / "secrets",
        database_url=database_url,
        redis_url=redis_url,
        nats_url=nats_url,
        drain_delay=0,
        drain_grace=2,
    )
    clock = ShiftedClock()

    async def with_clock(chassis: Chassis, chosen: Settings) -> Service:
        chassis.clock = clock
        return await build(chassis, chosen)

    await upgrade(database_url, "services.user")
    async with AsyncExitStack() as stack:
        await start(stack, with_clock, settings, Contract.load())
        stand = Stand(settings.listen, home / "pki", settings, clock, create_async_engine(database_url))
        stack.push_async_callback(stand.close)
        await asyncio.wait_for(stand.channel("transcoder").channel_ready(), 10)
        yield stand
