"""What jobs and use cases work with, beside the running service and on its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis.contract import Contract
from services.chassis.crypto import BlindIndex, FieldCipher
from services.chassis.database import Database
from services.chassis.outbox import Outbox
from services.chassis.secrets import Secrets
from services.user import mapper
from services.user.ports import Work
from services.user.repository import Repository
from services.user.repository.sealing import Sealer
from tests.integration.user.stand import Stand


@asynccontextmanager
async def work_on(stand: Stand) -> AsyncIterator[Work]:
    """Until the block ends."""
    assert stand.settings.secrets_directory is not None
    secrets = Secrets(stand.settings.secrets_directory)
    cipher = FieldCipher.from_json(secrets.read("field_keys.json"))
    sealer = Sealer(cipher, BlindIndex(secrets.read_key("blind_index.key")))
    database = Database(stand.settings.database_url.get_secret_value(), application="test")
    outbox = Outbox(mapper.event, contract=Contract.load(), clock=stand.clock)
    try:
        yield Work(database, Repository.sealed_by(sealer), outbox, stand.clock)
    finally:
        await database.close()
