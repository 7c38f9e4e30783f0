"""A relay as a process of its own: `relay_program DATABASE_URL NATS_URL`."""

import asyncio
import sys

from services.chassis.database import Database
from services.chassis.jetstream import JetStream
from services.chassis.relay import Relay


async def main(database_url: str, nats_url: str) -> None:
    jetstream = JetStream(nats_url, name="relay under test")
    await jetstream.start()
    await Relay(Database(database_url, application="relay"), jetstream, "facts", poll=0.2).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
