"""One worker of the delivery queue as a process of its own, to be killed: works until nothing is open any more.

Arguments: database URL, sandbox URL, SendGrid key, seconds of lease.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.contract import Contract
from services.chassis.database import Database
from services.chassis.outbox import Outbox
from services.chassis.provider import provider_client
from services.notification import mapper
from services.notification.clients import SendGridMailer
from services.notification.domain.delivery import Patience
from services.notification.ports import Contact, OneTimeToken, Stale
from services.notification.rendering import Renderer
from services.notification.usecases.deliver import Deliver


class OneReader:
    """Everybody is reached at one address."""

    async def contact(self, user_id: UUID) -> Contact:
        return Contact("reader@example.dz", "Reader", "en", "Africa/Algiers")

    async def one_time_token(self, verification_id: str) -> OneTimeToken:
        raise Stale


async def main(database_url: str, sandbox_url: str, key: str, lease: float) -> None:
    database, clock = Database(database_url), Clock()
    client = provider_client("sendgrid", f"{sandbox_url}/sendgrid/")
    deliver = Deliver(
        database,
        clock,
        Outbox(mapper.event, contract=Contract.load(), clock=clock),
        OneReader(),
        SendGridMailer(client, lambda: key, "no-reply@kerya.example", "Kerya"),
        Renderer("https://kerya.example"),
        Patience(5, timedelta(seconds=0.1), timedelta(seconds=0.5), timedelta(seconds=lease)),
        4,
        "https://kerya.example",
    )
    print("working", flush=True)
    while True:
        await deliver()
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
