"""API keys: making, listing, revoking and using them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid, intended_id, to_typeid
from services.user.domain import api_keys, opaque
from services.user.domain.api_keys import ApiKey
from services.user.domain.errors import ApiKeyInvalid, ApiKeyNotFound
from services.user.domain.events import ApiKeyRevoked
from services.user.ports import AccessToken, AccessTokens, Work
from services.user.usecases.guarding import ConfirmPassword, require_still


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new key is to be."""

    display_name: str
    scopes: tuple[str, ...]
    expires_at: datetime | None


class CreateApiKey:
    """Makes a key, for its owner who confirmed it: a stolen access token must not become a key without end."""

    def __init__(self, work: Work, confirm_password: ConfirmPassword) -> None:
        self._work = work
        self._confirm_password = confirm_password

    async def __call__(self, user_id: UUID, password: str, wish: Wish) -> tuple[ApiKey, str]:
        """The key, and its text for this one time. Raises PasswordWrong, ApiKeyLimitReached, SignInThrottled,
        SignInBusy."""
        confirmed = await self._confirm_password(user_id, password)
        secret, now = opaque.new_secret(), self._work.clock.now()
        key = ApiKey(
            intended_id(), user_id, wish.display_name, wish.scopes, opaque.digest(secret), now, wish.expires_at
        )
        async with self._work.database.write() as tx:
            require_still(await self._work.repository.accounts.lock(tx, user_id), confirmed)
            api_keys.require_room(await self._work.repository.api_keys.count(tx, user_id, other_than=key.api_key_id))
            await self._work.repository.api_keys.add(tx, key)
        return key, api_keys.write(to_typeid("apikey", key.api_key_id).rpartition("_")[2], secret)


class ListApiKeys:
    """Lists the caller's keys."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, *, size: int, before: UUID | None) -> Sequence[ApiKey]:
        async with self._work.database.read() as conn:
            return await self._work.repository.api_keys.list(conn, user_id, size=size, before=before)


class DeleteApiKey:
    """Revokes a key."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self, user_id: UUID, api_key_id: UUID) -> None:
        """Raises ApiKeyNotFound."""
        async with self._work.database.write() as tx:
            if not await self._work.repository.api_keys.revoke(tx, user_id, api_key_id, self._work.clock.now()):
                raise ApiKeyNotFound(api_key_id=to_typeid("apikey", api_key_id))
            await self._work.outbox.add(tx, ApiKeyRevoked(user_id, api_key_id))


class ExchangeApiKey:
    """Trades a key for an access token."""

    def __init__(self, work: Work, access: AccessTokens) -> None:
        self._work = work
        self._access = access

    async def __call__(self, text: str) -> AccessToken:
        """Raises ApiKeyInvalid."""
        identifier, secret = api_keys.read(text)
        now = self._work.clock.now()
        async with self._work.database.read() as conn:
            key = await self._work.repository.api_keys.get(conn, _key_id(identifier))
            if key is None:
                raise ApiKeyInvalid
            key.require_good(secret, now)
            account = await self._work.repository.accounts.get(conn, key.user_id)
        if account is None or not account.is_active:
            raise ApiKeyInvalid
        if key.is_use_worth_noting(now):
            async with self._work.database.write() as tx:
                await self._work.repository.api_keys.note_use(tx, key.api_key_id, now)
        return self._access.for_api_key(account, key, now)


def _key_id(identifier: str) -> UUID:
    try:
        return from_typeid("apikey", f"apikey_{identifier}")
    except ChassisRefusal:
        raise ApiKeyInvalid from None
