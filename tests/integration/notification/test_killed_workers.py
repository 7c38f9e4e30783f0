"""Workers of the delivery queue that are killed, at the worst moment and in numbers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.chassis.ids import new_id
from services.chassis.migrations import upgrade
from tests.integration.notification.stand import Stand, until

PROGRAM = "tests.integration.notification.deliver_program"
INSERT_NOTIFICATION = sa.text(
    'INSERT INTO notification (notification_id, user_id, event_id, kind, "values", created_at)'
    " VALUES (:n, :u, :e, 'WELCOME', '{}', :at)"
)
INSERT_DELIVERY = sa.text(
    "INSERT INTO delivery (delivery_id, notification_id, channel, state, due_at, updated_at)"
    " VALUES (:d, :n, 'EMAIL', 'QUEUED', :at, :at)"
)


@pytest.fixture
async def queue(database_url: str) -> Any:
    """The engine of a database with the service's tables and an empty queue."""
    await upgrade(database_url, "services.notification")
    engine = create_async_engine(database_url)
    yield engine
    await engine.dispose()


async def fill(engine: AsyncEngine, number: int) -> None:
    now = datetime.now(UTC)
    async with engine.begin() as connection:
        for _ in range(number):
            identifiers = {"n": new_id(), "u": new_id(), "e": new_id(), "d": new_id(), "at": now}
            await connection.execute(INSERT_NOTIFICATION, identifiers)
            await connection.execute(INSERT_DELIVERY, identifiers)


async def states(engine: AsyncEngine) -> Counter[str]:
    async with engine.connect() as connection:
        return Counter(row.state for row in await connection.execute(sa.text("SELECT state FROM delivery")))


class Workers:
    """Starts workers, and kills them without a word."""

    def __init__(self, stand: Stand, database_url: str, lease: float) -> None:
        directory = stand.settings.secrets_directory
        assert directory is not None
        key = (directory / "sendgrid_api_key").read_text().strip()
        self._arguments = [sys.executable, "-m", PROGRAM, database_url, stand.sandbox.url, key, str(lease)]
        self._environment = os.environ | {"PYTHONPATH": f".{os.pathsep}gen"}
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        worker = subprocess.Popen(self._arguments, env=self._environment, stdout=subprocess.PIPE)
        assert worker.stdout is not None and worker.stdout.readline() == b"working\n"
        self.running.append(worker)

    def kill_all(self) -> None:
        for worker in self.running:
            worker.kill()
            worker.wait()
            if worker.stdout:
                worker.stdout.close()
        self.running.clear()


@pytest.mark.timeout(120)
async def test_killed_between_the_providers_yes_and_its_own_commit(
    stand: Stand, queue: AsyncEngine, database_url: str
) -> None:
    await fill(queue, 1)
    workers = Workers(stand, database_url, lease=1.0)
    # The provider takes the mail, and its answer never arrives: the worker dies waiting for it.
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", drop=True, times=1)
    try:
        await asyncio.to_thread(workers.start)
        first = await stand.mails("reader@example.dz")
        workers.kill_all()
        assert await states(queue) == {"SENDING": 1}
        await asyncio.to_thread(workers.start)
        again = await stand.mails("reader@example.dz", len(first) + 1)
        await until(lambda: _all_sent(queue, 1), "sent")
    finally:
        workers.kill_all()
    assert again[0]["custom_args"] == first[0]["custom_args"]
    assert again[0]["headers"]["Message-ID"] == first[0]["headers"]["Message-ID"]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_workers_killed_at_random_lose_nothing(stand: Stand, queue: AsyncEngine, database_url: str) -> None:
    number = 60
    await fill(queue, number)
    workers = Workers(stand, database_url, lease=1.0)
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", delay_ms=20)
    before = {mail["message_id"] for mail in await asyncio.to_thread(stand.sandbox.inbox, "reader@example.dz")}
    try:
        for _ in range(2):
            await asyncio.gather(*(asyncio.to_thread(workers.start) for _ in range(2)))
            await asyncio.sleep(0.4)
            workers.kill_all()
        await asyncio.to_thread(workers.start)
        await until(lambda: _all_sent(queue, number), "all are sent", 30)
    finally:
        workers.kill_all()
    mails = [
        mail
        for mail in await asyncio.to_thread(stand.sandbox.inbox, "reader@example.dz")
        if mail["message_id"] not in before
    ]
    sent = Counter(mail["custom_args"]["delivery_id"] for mail in mails)
    assert len(sent) == number
    # Only what was in a killed worker's hands (four at most, four workers killed) may have gone twice.
    assert sum(sent.values()) - number <= 16


async def _all_sent(engine: AsyncEngine, number: int) -> bool:
    return await states(engine) == {"SENT": number}
