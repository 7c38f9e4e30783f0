"""A worker whose job takes half a second and then writes its name: `worker_program DATABASE_URL NAME LEASE`."""

import asyncio
import sys
import time
from datetime import timedelta
from uuid import uuid4

from services.chassis.database import Database
from services.chassis.jobs import Job, Jobs, LeadershipLost
from tests.integration.chassis.lives import live
from tests.integration.chassis.stand import INSERT


async def main() -> None:
    database_url, name, lease = sys.argv[1:]
    database = Database(database_url, application=name)

    async def write() -> None:
        try:
            async with database.write() as tx:
                await tx.execute(INSERT, {"id": uuid4(), "thing": name, "number": 1})
        except LeadershipLost:
            print("refused", flush=True)
            raise

    async def work() -> None:
        print("working", flush=True)
        # Without giving way: a process that is frozen here goes on to write when it wakes. And shielded, because the lost
        # leadership also cancels its jobs, which is not what is under test.
        time.sleep(0.5)
        await asyncio.shield(write())

    await Jobs(database, [Job("write", timedelta(seconds=0.1), work)], lease=float(lease)).start()
    print("ready", flush=True)


live(main)
