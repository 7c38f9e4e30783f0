"""What jobs and use cases work with, beside the running service and on its database."""

from collections.abc import AsyncIterator, Awaitable, Callable
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
from services.user.usecases.guarding import ConfirmPassword, Guarding
from services.user.usecases.login import Login
from services.user.usecases.passwords import ChangePassword
from services.user.usecases.register import Register
from services.user.usecases.second_factor import CheckSecondFactor
from services.user.usecases.sending import SendEmail
from services.user.usecases.sessions import EndSessions, OpenSession
from tests.integration.user.stand import Stand


@asynccontextmanager
async def work_on(stand: Stand, read_url: str | None = None) -> AsyncIterator[Work]:
    """Until the block ends. `read_url` is a replica to read from, where there is one."""
    assert stand.settings.secrets_directory is not None
    secrets = Secrets(stand.settings.secrets_directory)
    cipher = FieldCipher.from_json(secrets.read("field_keys.json"))
    sealer = Sealer(cipher, BlindIndex(secrets.read_key("blind_index.key")))
    database = Database(stand.settings.database_url.get_secret_value(), read_url=read_url, application="test")
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


class SlowHasher(HashPool):
    """Verifies passwords, and lets something else happen before its answer is used."""

    def __init__(self, pepper: bytes, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(pepper)
        self._meanwhile = meanwhile

    async def verify(self, stored: str | None, password: str) -> bool:
        right = await super().verify(stored, password)
        await self._meanwhile()
        return right


@asynccontextmanager
async def asking(
    stand: Stand, meanwhile: Callable[[], Awaitable[object]], read_url: str | None = None
) -> AsyncIterator[tuple[Login, ChangePassword]]:
    """Signing in and changing the password, as the service puts them together, but for what happens while the old
    password is being verified; until the block ends."""
    assert stand.settings.secrets_directory is not None
    secrets = Secrets(stand.settings.secrets_directory)
    pepper = secrets.read_key("password_pepper.key")
    signer, hasher = Signer(secrets.read("jwt_signing_key.pem")), SlowHasher(pepper, meanwhile)
    async with work_on(stand, read_url) as work:
        guarding, open_session = Guarding(work), OpenSession(work, signer, RefreshChain(pepper))
        confirm = ConfirmPassword(work, guarding, hasher)
        yield (
            Login(work, guarding, hasher, CheckSecondFactor(work), open_session),
            ChangePassword(work, hasher, confirm, EndSessions(work)),
        )
