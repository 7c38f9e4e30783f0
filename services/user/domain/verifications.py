"""One-time tokens that are sent by e-mail, and what they show or allow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.user.domain.errors import EmailTokenInvalid

# More are silently not sent: nobody's mailbox is flooded through us.
MOST_A_DAY = 5
# Retries of a sender make further tokens; older ones go.
MOST_TOKENS = 5


class Purpose(StrEnum):
    """Why an e-mail is sent; the names of kerya.user.v1.EmailPurpose."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    CHANGE_EMAIL = "CHANGE_EMAIL"
    RESET_PASSWORD = "RESET_PASSWORD"
    ACCOUNT_EXISTS = "ACCOUNT_EXISTS"

    @property
    def lifetime(self) -> timedelta:
        """How long a token of it is good. One that sets a password is short-lived: mailboxes are read by others."""
        return timedelta(minutes=30) if self is Purpose.RESET_PASSWORD else timedelta(hours=48)

    @property
    def has_token(self) -> bool:
        """Whether the e-mail asks for anything, or only tells."""
        return self is not Purpose.ACCOUNT_EXISTS


@dataclass(frozen=True, slots=True)
class Verification:
    """An e-mail to `email` about the account `user_id`, and whether its token was used."""

    verification_id: UUID
    user_id: UUID
    purpose: Purpose
    email: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None

    @classmethod
    def request(cls, verification_id: UUID, user_id: UUID, purpose: Purpose, email: str, now: datetime) -> Verification:
        """A new one, good from now on."""
        return cls(verification_id, user_id, purpose, email, now, now + purpose.lifetime)

    def is_open(self, now: datetime) -> bool:
        """Whether it may still be sent, and its token used."""
        return self.used_at is None and now < self.expires_at

    def require_usable(self, now: datetime, *purposes: Purpose) -> None:
        """Raises EmailTokenInvalid if its token is no longer good, or was meant for something else."""
        if self.purpose not in purposes or not self.is_open(now):
            raise EmailTokenInvalid
