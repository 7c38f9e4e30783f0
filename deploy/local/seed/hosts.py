"""The hosts that listings belong to: a few accounts, each with a session that is kept fresh."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from hashlib import sha256

from deploy.local.seed.api import Api, Refused
from deploy.local.seed.state import SeedState

# An access token lives ten minutes.
RENEW_SECONDS = 480.0


@dataclass
class Session:
    """One host's way in."""

    access_token: str = ""
    renew_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hosts:
    """A pool of `size` accounts. A source's host always has the same one, so that a rerun finds its own properties."""

    def __init__(self, api: Api, state: SeedState, size: int) -> None:
        self._api = api
        self._state = state
        self._size = size
        self._sessions: dict[str, Session] = {}

    async def token(self, host_key: str) -> str:
        """An access token of the account that stands for that host; registered when it is first needed."""
        account = self._account(host_key)
        session = self._sessions.setdefault(account, Session())
        async with session.lock:
            if time.monotonic() > session.renew_at:
                tokens = await self._refreshed(account) or await self._registered(account)
                self._state.add_host(account, tokens["refreshToken"])
                session.access_token = tokens["accessToken"]
                session.renew_at = time.monotonic() + RENEW_SECONDS
        return session.access_token

    def _account(self, host_key: str) -> str:
        number = int.from_bytes(sha256(host_key.encode()).digest()[:8]) % self._size
        return f"host-{number}"

    async def _refreshed(self, account: str) -> dict[str, str] | None:
        known = self._state.hosts.get(account)
        if known is None:
            return None
        try:
            return await self._api.post("/v1/auth:refresh", {"refreshToken": known}, secrets.token_hex(16))
        except Refused as refusal:
            if refusal.status not in (400, 401, 403, 404):
                raise
            raise Refused(
                refusal.status, f"the session of {account} has ended; begin anew with --restart ({refusal})"
            ) from None

    async def _registered(self, account: str) -> dict[str, str]:
        body = {
            "email": f"{account}.{self._state.namespace}@example.com",
            "password": self._state.key("password", account),
            "displayName": account.replace("-", " ").capitalize(),
            "locale": "fr",
            "roles": ["HOST"],
        }
        answer = await self._api.post("/v1/auth:register", body, self._state.key("register", account))
        return dict(answer["tokens"])
