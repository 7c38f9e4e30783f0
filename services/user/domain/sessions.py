"""Sessions and the rotation of their refresh tokens (RFC 9700 §4.14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

IDLE = timedelta(days=14)
LONGEST = timedelta(days=30)
# A client whose first answer was lost asks again at once; a thief comes later.
GRACE = timedelta(seconds=10)


class EndCause(StrEnum):
    """Why a session ended; the names of kerya.user.v1.SessionRevoked.Cause."""

    LOGGED_OUT = "LOGGED_OUT"
    ENDED_REMOTELY = "ENDED_REMOTELY"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"
    TOKEN_REUSED = "TOKEN_REUSED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"


class Verdict(StrEnum):
    """What to do with a refresh token that was presented."""

    ROTATE = "ROTATE"
    REPEAT = "REPEAT"
    REUSED = "REUSED"
    OVER = "OVER"


@dataclass(frozen=True, slots=True)
class Session:
    """One device's sign-in. `generation` counts its refresh tokens from 0; only the newest one is good."""

    session_id: UUID
    user_id: UUID
    device_name: str
    address: str
    created_at: datetime
    refreshed_at: datetime
    generation: int = 0
    ended_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """When it ends if it is not refreshed before."""
        return min(self.refreshed_at + IDLE, self.created_at + LONGEST)

    def judge(self, generation: int, now: datetime) -> Verdict:
        """What a refresh token of `generation` is worth now."""
        if self.ended_at is not None or now >= self.expires_at:
            return Verdict.OVER
        if generation == self.generation:
            return Verdict.ROTATE
        if generation == self.generation - 1 and now - self.refreshed_at <= GRACE:
            return Verdict.REPEAT
        return Verdict.REUSED
