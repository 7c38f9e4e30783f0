"""A consumer that dies between commit and acknowledgement: `consumer_program DATABASE_URL NATS_URL`.

It kills itself at every tenth fact, as soon as the effect is committed.
"""

import os
import signal
import sys
from typing import Any

from services.chassis.consumer import Consumers, Delivery, Handlers, Ladder
from services.chassis.database import Database
from services.chassis.jetstream import JetStream
from tests.integration.chassis.facts import Fact, contract
from tests.integration.chassis.lives import live
from tests.integration.chassis.stand import Effects


async def main() -> None:
    database_url, nats_url = sys.argv[1:]
    effects = Effects(Database(database_url, application="consumer"))

    async def handle(event: Any, delivery: Delivery) -> None:
        await effects(event, delivery)
        if event.number % 10 == 0:  # only now: an event handled before does not come so far
            os.kill(os.getpid(), signal.SIGKILL)

    jetstream = JetStream(nats_url, name="consumer under test")
    await jetstream.start()
    await Consumers(
        jetstream, contract(), "tests", [Handlers({Fact: handle})], Ladder(ack_wait=1.0, max_deliver=100)
    ).start()


live(main)
