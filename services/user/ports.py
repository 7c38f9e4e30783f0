"""What the use cases need of the world beyond the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.outbox import Outbox
from services.user.domain.accounts import Account
from services.user.domain.api_keys import ApiKey
from services.user.repository import Repository


@dataclass(frozen=True)
class Work:
    """What nearly every use case works with."""

    database: Database
    repository: Repository
    outbox: Outbox
    clock: Clock


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed access token, and when it stops being accepted."""

    text: str
    expires_at: datetime


class Hasher(Protocol):
    """Hashes passwords. Raises SignInBusy when too many wait already."""

    async def hash(self, password: str) -> str:
        """A salted hash that says by which parameters it was made."""

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` made the hash. None, where there is no account, takes as long and is never true."""

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash should be replaced by one of today's parameters."""


class AccessTokens(Protocol):
    """Signs access tokens."""

    def for_session(self, account: Account, session_id: UUID, now: datetime) -> AccessToken:
        """A token of somebody who signed in."""

    def for_api_key(self, account: Account, key: ApiKey, now: datetime) -> AccessToken:
        """A token of a program that calls in somebody's name."""


class RefreshTokens(Protocol):
    """Makes refresh tokens."""

    def first(self) -> str:
        """The first of a session: random."""

    def after(self, token: str) -> str:
        """The next of a session: always the same for the same token."""
