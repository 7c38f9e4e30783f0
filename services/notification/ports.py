"""What the use cases need of others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a user. Never kept. `locale` is "ar", "fr" or "en", `time_zone` an IANA name."""

    email: str
    display_name: str
    locale: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class OneTimeToken:
    """A secret for one e-mail, made on demand. `token` is empty where the purpose has none."""

    email: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail. `delivery_id` goes along as the provider's custom argument and inside the Message-ID header."""

    delivery_id: UUID
    to: str
    subject: str
    text: str
    html: str
    category: str
    unsubscribe_url: str = ""


class Unreachable(Exception):
    """The recipient's account is gone, or has no address."""


class Stale(Exception):
    """The one-time token was used, or its time is over: there is nothing to send any more."""


class Unavailable(Exception):
    """Not now; `retry_after` where the other side said when."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Refused(Exception):
    """The provider will never take this message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Directory(Protocol):
    """Where people can be reached: the user service."""

    async def contact(self, user_id: UUID) -> Contact:
        """Raises Unreachable or Unavailable."""

    async def one_time_token(self, verification_id: str) -> OneTimeToken:
        """Makes a token. Raises Stale or Unavailable."""


class Mailer(Protocol):
    """An e-mail provider."""

    async def send(self, mail: Mail) -> str:
        """Hands the mail over; the provider's own message id. Raises Refused or Unavailable.

        The provider does not deduplicate: sending one `delivery_id` twice is two e-mails with one Message-ID."""
