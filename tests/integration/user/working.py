"""What jobs and use cases work with, beside the running service and on its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.chassis.contract import Contract
from services.chassis.crypto import BlindIndex, FieldCipher
from services.chassis.database import Database
from services.chassis.outbox import Outbox
from services.chassis.secrets import Secrets
from services.user import mapper
from services.user.passwords import HashPool
from services.user.ports import Work
from services.user.repository import Repository
from services.user.repository.sealing import Sealer
from services.user.tokens import RefreshChain, Signer
from services.user.usecases.register import Register
from services.user.usecases.sending import SendEmail
from services.user.usecases.sessions import OpenSession
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


@asynccontextmanager
async def registering(stand: Stand) -> AsyncIterator[Register]:
    """The use case, as the service puts it together; until the block ends."""
    assert stand.settings.secrets_directory is not None
    secrets = Secrets(stand.settings.secrets_directory)
    pepper = secrets.read_key("password_pepper.key")
    signer = Signer(secrets.read("jwt_signing_key.pem"))
    async with work_on(stand) as work:
        open_session = OpenSession(work, signer, RefreshChain(pepper))
        yield Register(work, HashPool(pepper), open_session, SendEmail(work))
