"""Amounts of money: whole minor units of an ISO 4217 currency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.property.domain.errors import AmountInvalid, AmountTooFine, CurrencyUnsupported

# Digits of the minor unit, by ISO 4217:2015, of the currencies that prices can be set in.
MINOR_DIGITS: Final = {
    "AED": 2, "AUD": 2, "BHD": 3, "CAD": 2, "CHF": 2, "CNY": 2, "DZD": 2, "EGP": 2, "EUR": 2, "GBP": 2, "JOD": 3,
    "JPY": 0, "KRW": 0, "KWD": 3, "LYD": 3, "MAD": 2, "MRU": 2, "OMR": 3, "QAR": 2, "SAR": 2, "SEK": 2, "SGD": 2,
    "TND": 3, "TRY": 2, "USD": 2, "XAF": 0, "XOF": 0,
}  # fmt: skip
NANOS: Final = 1_000_000_000
LARGEST_UNITS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` minor units of `currency`."""

    currency: str
    minor: int

    @classmethod
    def of(cls, currency: str, units: int, nanos: int, field: str) -> Money:
        """From whole units and billionths. `field` is named in the errors.

        Raises CurrencyUnsupported, AmountInvalid (signs that differ, or beyond the bounds) and AmountTooFine.
        """
        digits = MINOR_DIGITS.get(currency)
        if digits is None:
            raise CurrencyUnsupported(field=field, currency_code=currency)
        if abs(units) > LARGEST_UNITS or abs(nanos) >= NANOS or units * nanos < 0:
            raise AmountInvalid(field=field)
        fraction, rest = divmod(abs(nanos), 10 ** (9 - digits))
        if rest:
            raise AmountTooFine(field=field, currency_code=currency)
        minor = abs(units) * 10**digits + fraction
        return cls(currency, -minor if units < 0 or nanos < 0 else minor)

    def units_and_nanos(self) -> tuple[int, int]:
        """Whole units and billionths, of one sign."""
        digits = MINOR_DIGITS[self.currency]
        units, fraction = divmod(abs(self.minor), 10**digits)
        nanos = fraction * 10 ** (9 - digits)
        return (units, nanos) if self.minor >= 0 else (-units, -nanos)
