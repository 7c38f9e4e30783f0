"""The notification service as it runs in the mesh: real engines, mutual TLS, the provider sandbox; a stand-in answers for
the user service."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import jwt
import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.local import pki
from deploy.local import secrets as secret_files
from deploy.local.probe import free_ports
from kerya.notification.v1.notification_service_pb2_grpc import NotificationServiceStub
from kerya.user.v1 import auth_service_pb2, auth_service_pb2_grpc, user_pb2, user_service_pb2_grpc
from services.chassis import topology
from services.chassis.cloudevent import Envelope
from services.chassis.contract import Contract
from services.chassis.ids import from_typeid, new_id, to_typeid
from services.chassis.jetstream import JetStream
from services.chassis.migrations import upgrade
from services.chassis.runtime import start
from services.notification.app import build
from services.notification.settings import Settings
from tests.integration.sandbox.stand import Sandbox


class Users(user_service_pb2_grpc.UserServiceServicer, auth_service_pb2_grpc.AuthServiceServicer):
    """Answers what the user service answers to notification. Who is not in `contacts` does not exist."""

    def __init__(self) -> None:
        self.contacts: dict[str, user_pb2.Contact] = {}
        self.tokens: dict[str, auth_service_pb2.IssueEmailTokenResponse] = {}
        self.down = False

    async def GetContact(self, request: Any, context: Any) -> user_pb2.Contact:
        return await self._found(self.contacts, request.user_id, context)

    async def IssueEmailToken(self, request: Any, context: Any) -> auth_service_pb2.IssueEmailTokenResponse:
        return await self._found(self.tokens, request.verification_id, context)

    async def _found(self, known: dict[str, Any], key: str, context: Any) -> Any:
        if self.down:
            await context.abort(grpc.StatusCode.UNAVAILABLE)
        if key not in known:
            await context.abort(grpc.StatusCode.NOT_FOUND)
        return known[key]


@dataclass
class Stand:
    """The running service and what a test looks at beside its answers."""

    settings: Settings
    pki: Path
    users: Users
    sandbox: Sandbox
    engine: AsyncEngine
    jetstream: JetStream
    stub: Any
    _signing_key: bytes
    _numbers: list[int] = field(default_factory=lambda: [0])

    def user(self, locale: str = "en", name: str = "Amina", email: str | None = None) -> tuple[str, str]:
        """A new user: (user_id, e-mail address)."""
        user_id = to_typeid("user", new_id())
        self._numbers[0] += 1
        address = f"person{self._numbers[0]}@example.dz" if email is None else email
        self.users.contacts[user_id] = user_pb2.Contact(
            user_id=user_id,
            email=address,
            email_verified=True,
            display_name=name,
            locale=locale,
            time_zone="Africa/Algiers",
        )
        return user_id, address

    async def publish(self, event: Message, event_id: UUID | None = None, message_id: str = "") -> UUID:
        """Puts an event on the bus as a relay does; `message_id` overrides what the stream dedupes by."""
        rule = Contract.load().event_of(event.DESCRIPTOR.full_name)
        identifier = event_id or new_id()
        aggregate = str(getattr(event, rule.aggregate))
        envelope = Envelope(identifier, rule.full_name, "test", aggregate, datetime.now(UTC))
        await self.jetstream.context.publish(
            rule.subject, event.SerializeToString(), headers=envelope.headers(message_id), stream=rule.stream
        )
        return identifier

    def metadata(self, user_id: str, **more: str) -> tuple[tuple[str, str], ...]:
        """An access token of that user, and other metadata."""
        now = int(time.time())
        claims = {
            "iss": "kerya", "aud": "kerya", "sub": user_id, "sid": to_typeid("session", new_id()), "roles": ["CLIENT"],
            "locale": "en", "jti": str(new_id()), "iat": now, "nbf": now, "exp": now + 600,
        }  # fmt: skip
        jwks = json.loads((self.settings.secrets_directory / "jwks.json").read_text())  # type: ignore[operator]
        headers = {"typ": "at+jwt", "kid": jwks["keys"][0]["kid"]}
        token = jwt.encode(claims, self._signing_key, algorithm="EdDSA", headers=headers)
        found = {"authorization": f"Bearer {token}", "x-forwarded-for": "10.1.2.3"}
        return tuple((found | {name.replace("_", "-"): value for name, value in more.items()}).items())

    async def rows(self, statement: str, **parameters: object) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(sa.text(statement), parameters)).all())

    async def execute(self, statement: str, **parameters: object) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(sa.text(statement), parameters)

    async def states(self, user_id: str) -> list[tuple[str, str, str | None, int]]:
        """(kind, state, failure, attempts) of a user's deliveries, in the order they were made."""
        rows = await self.rows(
            "SELECT kind, state, failure, attempt_count FROM notification JOIN delivery USING (notification_id)"
            " WHERE user_id = :user ORDER BY delivery_id",
            user=from_typeid("user", user_id),
        )
        return [tuple(row) for row in rows]

    async def mails(self, to: str, number: int = 1, seconds: float = 15.0) -> list[dict[str, Any]]:
        """Waits until so many e-mails have arrived; newest first."""
        await until(lambda: self._has(to, number), f"{number} e-mails", seconds)
        return await asyncio.to_thread(self.sandbox.inbox, to)

    async def _has(self, to: str, number: int) -> bool:
        return len(await asyncio.to_thread(self.sandbox.inbox, to)) >= number


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds: float = 15.0) -> None:
    """Waits until it holds."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


def settings_for(home: Path, database_url: str, redis_url: str, nats_url: str, user: int, sandbox: str) -> Settings:
    port, ops = free_ports(2)
    return Settings(
        service="notification",
        listen=f"127.0.0.1:{port}",
        metrics_listen=f"127.0.0.1:{ops}",
        tls_directory=home / "pki" / "notification",
        secrets_directory=home / "secrets",
        database_url=database_url,
        redis_url=redis_url,
        nats_url=nats_url,
        targets={"user": f"127.0.0.1:{user}"},
        sendgrid_base_url=f"{sandbox}/sendgrid",
        drain_delay=0,
        drain_grace=2,
        delivery_max_attempts=4,
        delivery_first_wait_seconds=0.2,
        delivery_longest_wait_seconds=0.5,
        delivery_lease_seconds=2,
    )


def _credentials(folder: Path) -> list[bytes]:
    return [(folder / f"{name}.pem").read_bytes() for name in ("ca", "key", "cert")]


async def _serve_users(stack: AsyncExitStack, users: Users, folder: Path, port: int) -> None:
    ca, key, cert = _credentials(folder)
    server = grpc.aio.server()
    user_service_pb2_grpc.add_UserServiceServicer_to_server(users, server)
    auth_service_pb2_grpc.add_AuthServiceServicer_to_server(users, server)
    server.add_secure_port(
        f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=True)
    )
    await server.start()
    stack.push_async_callback(server.stop, 0.5)


def _channel(address: str, folder: Path) -> grpc.aio.Channel:
    ca, key, cert = _credentials(folder)
    options = [("grpc.ssl_target_name_override", "localhost")]
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca, key, cert), options=options)


@asynccontextmanager
async def standing(home: Path, database_url: str, redis_url: str, nats_url: str) -> AsyncIterator[Stand]:
    """Serves until the block ends."""
    mesh = topology.load()
    secret_files.ensure(home / "secrets", mesh)
    pki.ensure(home / "pki", mesh, "development")
    user_port, sandbox_port = free_ports(2)
    state = home / "sandbox"
    shutil.copytree(home / "secrets", state)
    sandbox = Sandbox(state, "", sandbox_port)
    settings = settings_for(home, database_url, redis_url, nats_url, user_port, sandbox.url)
    await upgrade(database_url, "services.notification")
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(sandbox.start)
        stack.push_async_callback(asyncio.to_thread, sandbox.stop)
        users = Users()
        await _serve_users(stack, users, home / "pki" / "user", user_port)
        jetstream = JetStream(nats_url, name="test", replicas=1)
        await jetstream.start(5)
        stack.push_async_callback(jetstream.stop)
        for package in ("kerya.user.v1", "kerya.booking.v1"):
            await jetstream.declare(Contract.load(), package)
        await start(stack, build, settings, Contract.load())
        channel = _channel(settings.listen, home / "pki" / "transcoder")
        stack.push_async_callback(channel.close)
        engine = create_async_engine(database_url)
        stack.push_async_callback(engine.dispose)
        await asyncio.wait_for(channel.channel_ready(), 10)
        stub: Any = NotificationServiceStub(channel)
        key = (home / "secrets" / "jwt_signing_key.pem").read_bytes()
        yield Stand(settings, home / "pki", users, sandbox, engine, jetstream, stub, key)
