"""A relay as a process of its own: `relay_program DATABASE_URL NATS_URL`."""

import sys

from services.chassis.database import Database
from services.chassis.jetstream import JetStream
from services.chassis.relay import Relay
from tests.integration.chassis.lives import live


async def main() -> None:
    database_url, nats_url = sys.argv[1:]
    jetstream = JetStream(nats_url, name="relay under test")
    await jetstream.start()
    await Relay(Database(database_url, application="relay"), jetstream, "facts", poll=0.2).start()


live(main)
