"""Accounts: the person behind every call."""

from __future__ import annotations

import unicodedata
import zoneinfo
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from uuid import UUID

from services.user.domain.emails import canonical
from services.user.domain.errors import TimeZoneUnknown, TotpAlreadyEnabled, TotpNotEnrolled

DEFAULT_TIME_ZONE = "Africa/Algiers"
# How long a deleted account can still be found by support, before it is erased.
KEPT_AFTER_DELETION = timedelta(days=30)


class Role(StrEnum):
    """What a user may be; the names of kerya.contract.v1.Role."""

    CLIENT = "CLIENT"
    HOST = "HOST"
    ADMIN = "ADMIN"


class State(StrEnum):
    """Where an account is in its life; the names of kerya.user.v1.User.State."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


@dataclass(slots=True)
class SecondFactor:
    """An authenticator app. It is asked for from `confirmed_at` on; `last_step` is the newest code ever accepted."""

    secret: bytes
    confirmed_at: datetime | None = None
    last_step: int = 0


@dataclass(slots=True)
class Account:
    """An account. `email` is as its owner wrote it; `version` grows with every change that others can see."""

    user_id: UUID
    email: str
    password_hash: str
    display_name: str
    created_at: datetime
    updated_at: datetime
    given_name: str = ""
    family_name: str = ""
    about: str = ""
    locale: str = "en"
    time_zone: str = DEFAULT_TIME_ZONE
    roles: frozenset[Role] = frozenset({Role.CLIENT})
    state: State = State.ACTIVE
    email_verified_at: datetime | None = None
    phone: str = ""
    second_factor: SecondFactor | None = None
    deleted_at: datetime | None = None
    version: int = 1

    @property
    def canonical_email(self) -> str:
        """The address in the form in which addresses are compared."""
        return canonical(self.email)

    @property
    def is_active(self) -> bool:
        """Whether its owner may sign in and act."""
        return self.state is State.ACTIVE

    @property
    def totp_enabled(self) -> bool:
        """Whether a second factor is asked for at sign-in."""
        return self.second_factor is not None and self.second_factor.confirmed_at is not None

    def personal_words(self) -> tuple[str, ...]:
        """What an attacker who knows its owner would try as a password."""
        return (self.email, self.display_name, self.given_name, self.family_name)

    def change(self, changes: Profile, now: datetime) -> None:
        """Changes the profile. Raises TimeZoneUnknown."""
        for name, value in tidy(changes).items():
            setattr(self, name, value)
        self._touch(now)

    def verify(self, email: str, now: datetime) -> None:
        """Makes `email` the account's address, now known to be its owner's."""
        self.email = email
        self.email_verified_at = now
        self._touch(now)

    def grant(self, role: Role, now: datetime) -> None:
        """Adds a role."""
        self.roles |= {role}
        self._touch(now)

    def set_password(self, password_hash: str, now: datetime) -> None:
        """Replaces the password."""
        self.password_hash = password_hash
        self._touch(now)

    def enroll(self, secret: bytes, now: datetime) -> None:
        """Begins to set up an authenticator app. Raises TotpAlreadyEnabled."""
        if self.totp_enabled:
            raise TotpAlreadyEnabled
        self.second_factor = SecondFactor(secret)
        self._touch(now)

    def require_enrolling(self) -> SecondFactor:
        """The app that is being set up. Raises TotpNotEnrolled, TotpAlreadyEnabled."""
        if self.totp_enabled:
            raise TotpAlreadyEnabled
        if self.second_factor is None:
            raise TotpNotEnrolled
        return self.second_factor

    def require_second_factor(self) -> SecondFactor:
        """The app that is asked for at sign-in. Raises TotpNotEnrolled."""
        if self.second_factor is None or not self.totp_enabled:
            raise TotpNotEnrolled
        return self.second_factor

    def confirm(self, step: int, now: datetime) -> None:
        """Asks for the app from now on; `step` is the one whose code was just shown."""
        self.second_factor = SecondFactor(self.require_enrolling().secret, now, step)
        self._touch(now)

    def disable_second_factor(self, now: datetime) -> None:
        """Stops asking for the app."""
        self.second_factor = None
        self._touch(now)

    def delete(self, now: datetime) -> datetime:
        """Ends the account's life; answers when its data is erased."""
        self.state = State.DELETED
        self.deleted_at = now
        self._touch(now)
        return now + KEPT_AFTER_DELETION

    def _touch(self, now: datetime) -> None:
        self.version += 1
        self.updated_at = now


# New values by field name: display_name, given_name, family_name, about, locale, time_zone.
Profile = dict[str, str]


def tidy(profile: Profile) -> Profile:
    """The values as they are kept: one form of every letter, no blanks around. Raises TimeZoneUnknown."""
    tidied = {name: unicodedata.normalize("NFC", value).strip() for name, value in profile.items()}
    if "time_zone" in tidied and tidied["time_zone"] not in _time_zones():
        raise TimeZoneUnknown(time_zone=tidied["time_zone"])
    return tidied


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
