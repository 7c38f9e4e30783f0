"""Registering."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.database import WriteConnection
from services.chassis.ids import intended_id
from services.chassis.metrics import counter
from services.user.domain import passwords
from services.user.domain.accounts import Account, Profile, Role, tidy
from services.user.domain.events import UserRegistered
from services.user.domain.verifications import Purpose
from services.user.ports import Hasher, Work
from services.user.usecases.finding import require
from services.user.usecases.sending import SendEmail
from services.user.usecases.sessions import Device, OpenSession, SignedIn

REGISTRATIONS = counter("kerya_registrations", "Accounts registered.", ["role"])


@dataclass(frozen=True, slots=True)
class Registration:
    """What somebody registers with; `profile` holds names, locale and time zone."""

    email: str
    password: str
    profile: Profile
    roles: frozenset[Role]
    device: Device


class Register:
    """Registers an account and signs it in.

    Whether the address is somebody's already changes nothing but the e-mail: the account is made, works in this session,
    and can never verify the address. So neither the answer, nor its time, nor a later attempt to sign in tells.
    """

    def __init__(self, work: Work, hasher: Hasher, open_session: OpenSession, send_email: SendEmail) -> None:
        self._work = work
        self._hasher = hasher
        self._open_session = open_session
        self._send_email = send_email

    async def __call__(self, registration: Registration) -> tuple[Account, SignedIn]:
        """Raises PasswordRefused, TimeZoneUnknown, SignInBusy."""
        now = self._work.clock.now()
        account = Account(
            user_id=intended_id(),
            email=registration.email,
            password_hash="",
            roles=registration.roles | {Role.CLIENT},
            created_at=now,
            updated_at=now,
            **tidy(registration.profile),  # type: ignore[arg-type]  # names, locale and time zone, all text
        )
        passwords.check(registration.password, second_factor=False, personal=account.personal_words())
        account.password_hash = await self._hasher.hash(registration.password)
        async with self._work.database.write() as tx:
            if await self._work.repository.accounts.add(tx, account):
                await self._announce(tx, account)
            else:
                # A retry of a call whose answer was lost meets its own row, and gets a further session.
                account = require(await self._work.repository.accounts.get(tx, account.user_id), account.user_id)
            return account, await self._open_session(tx, account, registration.device)

    async def _announce(self, tx: WriteConnection, account: Account) -> None:
        event = UserRegistered(account.user_id, account.roles, account.locale, account.version)
        await self._work.outbox.add(tx, event)
        owner = await self._work.repository.accounts.owner_of(tx, account.email)
        if owner is None:
            await self._send_email(tx, account, Purpose.VERIFY_EMAIL, account.email)
        else:
            await self._send_email(tx, owner, Purpose.ACCOUNT_EXISTS, owner.email)
        REGISTRATIONS.labels("HOST" if Role.HOST in account.roles else "CLIENT").inc()
