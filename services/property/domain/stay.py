"""The dates of a stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from services.property.domain.errors import StayDatesInvalid

MOST_NIGHTS: Final = 365
FURTHEST_AHEAD: Final = timedelta(days=730)
# Somewhere it is still the day that is over in UTC.
WESTERNMOST: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Stay:
    """From the first night to the day of leaving, which is no night any more: [check_in, check_out)."""

    check_in: date
    check_out: date

    @classmethod
    def checked(cls, check_in: date, check_out: date, now: datetime) -> Stay:
        """A stay that can still be booked. Raises StayDatesInvalid."""
        today = (now - WESTERNMOST).date()
        possible = today <= check_in < check_out <= today + FURTHEST_AHEAD
        if not possible or (check_out - check_in).days > MOST_NIGHTS:
            raise StayDatesInvalid(check_in_date=check_in, check_out_date=check_out)
        return cls(check_in, check_out)

    @property
    def night_count(self) -> int:
        """How many nights."""
        return (self.check_out - self.check_in).days

    def nights(self) -> Iterator[date]:
        """The days on which the nights begin."""
        return (self.check_in + timedelta(days=offset) for offset in range(self.night_count))
