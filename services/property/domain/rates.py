"""What a property costs and how long one may stay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from services.property.domain.errors import AmountInvalid, CurrencyMismatch, StayLimitsInvalid
from services.property.domain.money import Money
from services.property.domain.stay import Stay

LONGEST_STAY: Final = 365
FRIDAY, SATURDAY = 4, 5
# The weekend of the home market: nights that begin on these days cost the weekend price.
WEEKEND: Final = frozenset({FRIDAY, SATURDAY})


@dataclass(frozen=True, slots=True)
class Rates:
    """One version of a property's rates. All amounts are in the currency of `nightly`."""

    nightly: Money
    weekend: Money | None = None
    cleaning: Money | None = None
    min_nights: int = 1
    max_nights: int = LONGEST_STAY
    version: int = 1

    @classmethod
    def checked(
        cls, nightly: Money, weekend: Money | None, cleaning: Money | None, min_nights: int, max_nights: int
    ) -> Rates:
        """Rates as a host sends them; 0 nights means the default.

        Raises CurrencyMismatch, AmountInvalid and StayLimitsInvalid.
        """
        for field, amount, least in (
            ("nightly_price", nightly, 1),
            ("weekend_price", weekend, 1),
            ("cleaning_fee", cleaning, 0),
        ):
            if amount is not None:
                _check(field, amount, nightly.currency, least)
        rates = cls(nightly, weekend, cleaning, min_nights or 1, max_nights or LONGEST_STAY)
        if not 1 <= rates.min_nights <= rates.max_nights <= LONGEST_STAY:
            raise StayLimitsInvalid(min_nights=rates.min_nights, max_nights=rates.max_nights)
        return rates

    @property
    def currency(self) -> str:
        """ISO 4217."""
        return self.nightly.currency

    def succeeding(self, current: Rates | None) -> Rates:
        """The same rates with the version behind `current`; `current` itself where nothing differs."""
        if current is None:
            return replace(self, version=1)
        successor = replace(self, version=current.version)
        return current if successor == current else replace(self, version=current.version + 1)

    def night(self, night: date) -> Money:
        """What the night that begins on this day costs."""
        return self.weekend if self.weekend and night.weekday() in WEEKEND else self.nightly

    def total(self, stay: Stay) -> Money:
        """All nights and the cleaning fee."""
        nights = sum(self.night(night).minor for night in stay.nights())
        return Money(self.currency, nights + (self.cleaning.minor if self.cleaning else 0))


def _check(field: str, amount: Money, currency: str, least: int) -> None:
    if amount.currency != currency:
        raise CurrencyMismatch(field=field, expected=currency, given=amount.currency)
    if amount.minor < least:
        raise AmountInvalid(field=field)
