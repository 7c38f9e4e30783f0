"""The points ledger: double entry, append only, no balance below zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.user.domain.errors import PointsInsufficient

EMAIL_VERIFIED_POINTS = 100


class Cause(StrEnum):
    """Why points moved; the names of kerya.user.v1.PointEntry.Cause."""

    EMAIL_VERIFIED = "EMAIL_VERIFIED"
    SPENT = "SPENT"
    RETURNED = "RETURNED"
    ADJUSTED = "ADJUSTED"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Points that move between the house and a user: `amount` > 0 to the user, < 0 from the user.

    `source_id` is what caused it. One cause and source move points once, however often it is tried.
    """

    user_id: UUID
    amount: int
    cause: Cause
    source_id: UUID

    def __post_init__(self) -> None:
        if self.amount == 0:
            raise ValueError("a transfer moves points")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a user's ledger. `sequence` counts them from 1 without gaps."""

    entry_id: UUID
    user_id: UUID
    amount: int
    sequence: int
    balance_after: int
    cause: Cause
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """What a user's entries come to. `earned` and `spent` are positive sums."""

    balance: int = 0
    earned: int = 0
    spent: int = 0


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a user's ledger: the last sequence number and the balance after it."""

    sequence: int = 0
    balance: int = 0

    def then(self, amount: int) -> Tip:
        """The end after one more entry. Raises PointsInsufficient rather than going below zero."""
        if self.balance + amount < 0:
            raise PointsInsufficient(balance=self.balance, needed=-amount)
        return Tip(self.sequence + 1, self.balance + amount)
