"""How attempts to guess a secret are slowed down, per account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.user.domain.errors import SignInThrottled

# Mistyping is free; guessing is not.
FREE_FAILURES = 5
LONGEST_DELAY = timedelta(minutes=15)
# SP 800-63B-4 §3.2.2: no more than 100 consecutive failures. Then only choosing a new password by e-mail helps.
MOST_FAILURES = 100
LOCKED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Guard:
    """What is remembered about one target of guessing: consecutive failures, and until when none is looked at."""

    failures: int
    blocked_until: datetime | None = None

    def attempt(self, now: datetime) -> Guard:
        """The guard after one more attempt, counted as failed before it is looked at, so that parallel guesses do not
        all pass at once. Raises SignInThrottled while attempts are blocked; those do not count."""
        if self.blocked_until is not None and now < self.blocked_until:
            raise SignInThrottled((self.blocked_until - now).total_seconds())
        failures = self.failures + 1
        return replace(self, failures=failures, blocked_until=now + delay_after(failures))


def delay_after(failures: int) -> timedelta:
    """How long the next attempt has to wait: not at all at first, then 1, 2, 4, … seconds up to 15 minutes."""
    if failures >= MOST_FAILURES:
        return LOCKED_FOR
    if failures < FREE_FAILURES:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), LONGEST_DELAY)


def sign_in_subject(canonical_email: str, known_address: str = "") -> str:
    """What attempts to sign in are counted under. A device that is known is counted apart, so that nobody can lock an
    owner out by guessing."""
    return f"sign-in|{canonical_email}|{known_address}"


def owner_subject(user_id: UUID) -> str:
    """What attempts of somebody who is signed in are counted under."""
    return f"owner|{user_id}"


def second_factor_subject(user_id: UUID) -> str:
    """What guesses at the codes of somebody who is signed in are counted under: apart from their password, so that
    knowing the one does not make guessing the other free."""
    return f"second-factor|{user_id}"
