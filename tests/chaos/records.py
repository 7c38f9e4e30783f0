"""What the mesh wrote down: its databases, its streams, and the providers' books."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import httpx
import nats
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.chassis.ids import from_typeid
from tests.chaos.wounds import SERVICES
from tests.journeys.mesh import Json, Mesh

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """An event as its stream keeps it."""

    stream: str
    subject: str
    event_id: str
    message_id: str
    data: bytes


@dataclass(frozen=True)
class Consumer:
    """A durable reader of a stream, and what it has not done yet."""

    name: str
    stream: str
    subjects: frozenset[str]
    waiting: int
    in_hand: int


def rows(mesh: Mesh, service: str, query: str, *values: object) -> list[Row]:
    """A query on a service's database."""
    password = (mesh.home / "secrets" / f"postgres_{service}.password").read_text().strip()

    async def fetch() -> list[Row]:
        where = {"host": "127.0.0.1", "port": mesh.base + 532, "user": service, "database": service}
        connection = await asyncpg.connect(**where, password=password, timeout=10)
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def everywhere(mesh: Mesh, query: str) -> dict[str, list[Row]]:
    """A query on a table that every service has."""
    return {service: rows(mesh, service, query) for service in SERVICES}


def messages(mesh: Mesh, *, dead: bool = False) -> list[Message]:
    """Every message of every event stream, or those of the dead letters."""

    async def read(context: JetStreamContext) -> list[Message]:
        names = [info.config.name or "" for info in await context.streams_info()]
        found = [await _of_stream(context, name) for name in names if (name == "DEAD_LETTER") is dead]
        return [message for each in found for message in each]

    return _on_the_bus(mesh, read)


def consumers(mesh: Mesh) -> list[Consumer]:
    """The services' durable consumers."""

    async def read(context: JetStreamContext) -> list[Consumer]:
        found = [
            Consumer(
                info.name,
                info.stream_name,
                frozenset(info.config.filter_subjects or [info.config.filter_subject or ""]),
                info.num_pending or 0,
                info.num_ack_pending or 0,
            )
            for stream in await context.streams_info()
            for info in await context.consumers_info(stream.config.name or "")
        ]
        return [consumer for consumer in found if consumer.name.startswith(SERVICES)]

    return _on_the_bus(mesh, read)


def at_the_provider(mesh: Mesh, noun: str) -> list[Json]:
    """All the provider has of a noun, "payment_intents" or "refunds"."""
    headers = {"authorization": f"Bearer {(mesh.home / 'secrets' / 'stripe_api_key').read_text().strip()}"}
    found: list[Json] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        page = httpx.get(
            f"{mesh.sandbox}/stripe/v1/{noun}", params={"limit": "100", **after}, headers=headers, timeout=10
        ).json()
        found += page["data"]
        if not page["has_more"]:
            return found


def booking_row(mesh: Mesh, booking_id: str) -> Row:
    [found] = rows(mesh, "booking", "SELECT * FROM booking WHERE booking_id = $1", from_typeid("booking", booking_id))
    return found


async def _of_stream(context: JetStreamContext, name: str) -> list[Message]:
    state = (await context.stream_info(name)).state
    found: list[Message] = []
    for number in range(state.first_seq or 1, state.last_seq + 1):
        try:
            message = await context.get_msg(name, seq=number)
        except NotFoundError:
            continue  # removed: a stream of the operators', not of events
        headers = message.headers or {}
        found.append(
            Message(
                name,
                message.subject or "",
                headers.get("ce-id", ""),
                headers.get("Nats-Msg-Id", ""),
                message.data or b"",
            )
        )
    return found


def _on_the_bus(mesh: Mesh, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    password = (mesh.home / "secrets" / "nats_operator.password").read_text().strip()

    async def run() -> T:
        client = await nats.connect(
            f"nats://127.0.0.1:{mesh.base + 422}", user="operator", password=password, connect_timeout=10
        )
        try:
            return await work(client.jetstream(timeout=10))
        finally:
            await client.close()

    return asyncio.run(run())
