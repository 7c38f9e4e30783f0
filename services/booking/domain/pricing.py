"""What a stay costs: its nights, the host's fee and the marketplace's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.booking.domain.money import Money, smallest_charge_step, total
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PropertyTerms

# The client's service fee: 10 % of nights and cleaning, rounded up to what can be charged.
SERVICE_FEE_POINTS = 1_000
# The host's commission: 3 % of what the host earns, taken at the pay-out.
HOST_COMMISSION_POINTS = 300


@dataclass(frozen=True, slots=True)
class Price:
    """What a stay costs. `nights` are the prices of its nights in order."""

    check_in: date
    nights: tuple[Money, ...]
    cleaning: Money
    service: Money

    @property
    def lodging(self) -> Money:
        """All nights together."""
        return total(list(self.nights), self.cleaning.currency)

    @property
    def total(self) -> Money:
        """What the client is charged."""
        return self.lodging + self.cleaning + self.service


def price(terms: PropertyTerms, stay: Stay) -> Price:
    """Prices a stay by the terms."""
    nights = tuple(terms.price_of(night) for night in stay.nights())
    hosts = total([*nights, terms.cleaning_fee], terms.currency)
    # The fee absorbs the rounding, so that the sum can be charged to the last minor unit.
    charged = (hosts + hosts.basis_points(SERVICE_FEE_POINTS)).up_to(smallest_charge_step(terms.currency))
    return Price(stay.check_in, nights, terms.cleaning_fee, charged - hosts)


def share(earned: Money) -> tuple[Money, Money]:
    """Splits what was earned with nights and cleaning into the host's part and the marketplace's commission."""
    commission = earned.basis_points(HOST_COMMISSION_POINTS)
    return earned - commission, commission
