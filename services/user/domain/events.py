"""What happened, for the outbox; the mapper turns each into its message of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.user.domain.accounts import Account, Role
from services.user.domain.sessions import EndCause
from services.user.domain.verifications import Purpose


@dataclass(frozen=True, slots=True)
class UserRegistered:
    user_id: UUID
    roles: frozenset[Role]
    locale: str
    version: int


@dataclass(frozen=True, slots=True)
class EmailVerificationRequested:
    user_id: UUID
    verification_id: UUID
    purpose: Purpose
    locale: str


@dataclass(frozen=True, slots=True)
class EmailVerified:
    user_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class UserUpdated:
    user_id: UUID
    display_name: str
    locale: str
    roles: frozenset[Role]
    version: int

    @classmethod
    def of(cls, account: Account) -> UserUpdated:
        return cls(account.user_id, account.display_name, account.locale, account.roles, account.version)


@dataclass(frozen=True, slots=True)
class UserDeleted:
    user_id: UUID
    purge_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class SessionRevoked:
    user_id: UUID
    session_id: UUID
    cause: EndCause


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked:
    user_id: UUID
    api_key_id: UUID


UserEvent = (
    UserRegistered
    | EmailVerificationRequested
    | EmailVerified
    | UserUpdated
    | UserDeleted
    | SessionRevoked
    | ApiKeyRevoked
)
