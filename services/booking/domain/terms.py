"""A property's terms, as a quote needs them, and the rules they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from services.booking.domain.errors import (
    CurrencyMismatch,
    DatesReversed,
    MaxNights,
    MinNights,
    PastDates,
    TooFarAhead,
    TooManyGuests,
)
from services.booking.domain.money import Money
from services.booking.domain.stay import Stay

# How far the calendar reaches: two years, so that a price is never promised for longer.
HORIZON = timedelta(days=730)
# The longest stay of the house, whatever a property says.
LONGEST_STAY = 365
FRIDAY, SATURDAY = 4, 5


class PolicyKind(StrEnum):
    """The house's cancellation policies; their ladders are in `policy`."""

    FLEXIBLE = "FLEXIBLE"
    MODERATE = "MODERATE"
    FIRM = "FIRM"
    STRICT = "STRICT"


@dataclass(frozen=True, slots=True)
class PropertyTerms:
    """What the host asks: prices per night in one currency, bounds, the cancellation policy. Times are local."""

    property_id: UUID
    host_id: UUID
    title: str
    time_zone: str
    nightly_price: Money
    weekend_price: Money
    cleaning_fee: Money
    max_guests: int
    min_nights: int
    max_nights: int
    instant_book: bool
    policy: PolicyKind
    check_in_time: time
    check_out_time: time
    version: int

    @property
    def currency(self) -> str:
        """ISO 4217 code of every amount."""
        return self.nightly_price.currency

    def price_of(self, night: date) -> Money:
        """The price of the night that begins on that day; the Algerian weekend is Friday and Saturday."""
        return self.weekend_price if night.weekday() in (FRIDAY, SATURDAY) else self.nightly_price

    def today(self, now: datetime) -> date:
        """The day it is at the property."""
        return local_date(now, self.time_zone)


def local_date(now: datetime, time_zone: str) -> date:
    """The day it is in an IANA time zone at an aware instant."""
    return now.astimezone(ZoneInfo(time_zone)).date()


def require_allowed(terms: PropertyTerms, stay: Stay, guest_count: int, currency: str, now: datetime) -> None:
    """Refuses a stay that the terms do not allow, with the first rule that it breaks. `currency` may be empty."""
    _require_dates(stay, terms.today(now))
    if stay.length < terms.min_nights:
        raise MinNights(min_nights=terms.min_nights, nights=stay.length)
    if stay.length > min(terms.max_nights or LONGEST_STAY, LONGEST_STAY):
        raise MaxNights(max_nights=min(terms.max_nights or LONGEST_STAY, LONGEST_STAY), nights=stay.length)
    if not 1 <= guest_count <= terms.max_guests:
        raise TooManyGuests(max_guests=terms.max_guests, guest_count=guest_count)
    if currency and currency != terms.currency:
        raise CurrencyMismatch(requested=currency, currency_code=terms.currency)


def _require_dates(stay: Stay, today: date) -> None:
    if stay.length < 1:
        raise DatesReversed(stay.check_in, stay.check_out)
    if stay.check_in < today:
        raise PastDates(today)
    if stay.check_out > today + HORIZON:
        raise TooFarAhead(today + HORIZON)
