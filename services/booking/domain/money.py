"""Money: whole minor units of one ISO 4217 currency. Nothing here knows a float."""

from __future__ import annotations

from dataclasses import dataclass

# ISO 4217 currencies whose minor unit is not a hundredth.
WITHOUT_DECIMALS = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
WITH_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def exponent(currency: str) -> int:
    """How many decimals the currency's minor unit has: 0, 2 or 3."""
    if currency in WITHOUT_DECIMALS:
        return 0
    return 3 if currency in WITH_THREE_DECIMALS else 2


def smallest_charge_step(currency: str) -> int:
    """The step, in minor units, that card networks charge in: they know no thousandths."""
    return 10 if exponent(currency) == 3 else 1


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of a currency; 12.50 DZD is Money(1250, "DZD"). May be negative.

    Sums and comparisons of two currencies raise ValueError.
    """

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def percent(self, percent: int) -> Money:
        """That percentage, rounded down."""
        return self.basis_points(percent * 100)

    def basis_points(self, points: int) -> Money:
        """That many hundredths of a percent, rounded down."""
        return Money(self.minor * points // 10_000, self.currency)

    def down_to(self, step: int) -> Money:
        """The largest multiple of `step` minor units that is not above it."""
        return Money(self.minor - self.minor % step, self.currency)

    def up_to(self, step: int) -> Money:
        """The smallest multiple of `step` minor units that is not below it."""
        return Money(self.minor + -self.minor % step, self.currency)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be summed")
        return other.minor


def total(amounts: list[Money], currency: str) -> Money:
    """The sum; zero of `currency` for none."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result
