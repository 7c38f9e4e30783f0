"""Signing in."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.database import WriteConnection
from services.chassis.metrics import counter
from services.user.domain.accounts import Account
from services.user.domain.emails import canonical
from services.user.domain.errors import SignInRefused, UserError
from services.user.domain.throttle import sign_in_subject
from services.user.ports import Hasher, Work
from services.user.usecases.guarding import Guarding
from services.user.usecases.second_factor import CheckSecondFactor, Proof
from services.user.usecases.sessions import Device, OpenSession, SignedIn

SIGN_INS = counter("sign_ins", "Attempts to sign in, by how they ended.", ["outcome"])


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody signs in with."""

    email: str
    password: str
    proof: Proof


class Login:
    """Signs in. An address that nobody owns takes the same steps, and the same time, as a wrong password."""

    def __init__(
        self,
        work: Work,
        guarding: Guarding,
        hasher: Hasher,
        check_second_factor: CheckSecondFactor,
        open_session: OpenSession,
    ) -> None:
        self._work = work
        self._guarding = guarding
        self._hasher = hasher
        self._check_second_factor = check_second_factor
        self._open_session = open_session

    async def __call__(self, credentials: Credentials, device: Device) -> SignedIn:
        """Raises SignInRefused, SecondFactorRequired, SecondFactorRefused, SignInThrottled, SignInBusy."""
        try:
            signed_in = await self._sign_in(credentials, device)
        except UserError as error:
            SIGN_INS.labels(error.reason).inc()
            raise
        SIGN_INS.labels("SIGNED_IN").inc()
        return signed_in

    async def _sign_in(self, credentials: Credentials, device: Device) -> SignedIn:
        # From the primary: on a replica a password that was changed a moment ago would still be the old one.
        async with self._work.database.write() as tx:
            account, known = await self._work.repository.accounts.for_sign_in(tx, credentials.email, device.address)
        subject = sign_in_subject(canonical(credentials.email), device.address if known else "")
        await self._guarding.attempt(subject)
        right = await self._hasher.verify(account.password_hash if account else None, credentials.password)
        if account is None or not right or not account.is_active:
            raise SignInRefused
        fresh_hash = await self._fresh_hash(account, credentials.password)
        async with self._work.database.write() as tx:
            current = await self._still(tx, account)
            await self._check_second_factor(tx, current, credentials.proof)
            await self._work.repository.guards.clear(tx, subject)
            await self._replace_hash(tx, current, fresh_hash)
            return await self._open_session(tx, current, device)

    async def _still(self, tx: WriteConnection, verified: Account) -> Account:
        """The account as it is now, held until the transaction ends. While the password was being verified it may have
        been changed, or the account ended; a session opened now would outlive that. A second factor set up meanwhile
        is asked for, since what is answered is the account of now."""
        current = await self._work.repository.accounts.lock(tx, verified.user_id)
        if current is None or not current.is_active or current.password_hash != verified.password_hash:
            raise SignInRefused
        return current

    async def _fresh_hash(self, account: Account, password: str) -> str | None:
        outdated = self._hasher.is_outdated(account.password_hash)
        return await self._hasher.hash(password) if outdated else None

    async def _replace_hash(self, tx: WriteConnection, account: Account, fresh: str | None) -> None:
        if fresh is not None:
            accounts = self._work.repository.accounts
            await accounts.replace_password_hash(tx, account.user_id, account.password_hash, fresh)
