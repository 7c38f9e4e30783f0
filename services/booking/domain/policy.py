"""Cancellation policies, as versioned data, and what they mean at one instant.

Cut-offs are read off the clock on the property's wall: "five days before check-in" is the check-in time five calendar
days earlier, also where the clocks change in between. The ladders are those travellers know from the large sites, each
with a 24-hour grace after confirming if check-in is still seven days off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.booking.domain.money import Money, smallest_charge_step, total
from services.booking.domain.pricing import Price, share
from services.booking.domain.stay import DAY, Stay
from services.booking.domain.terms import PolicyKind

# The version that new quotes are made under. A version in POLICIES never changes: bookings were made under it.
CURRENT_VERSION = 1


class Party(StrEnum):
    """Who cancels."""

    CLIENT = "CLIENT"
    HOST = "HOST"
    PLATFORM = "PLATFORM"


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a ladder: it fits until `days` before check-in (0: always) and, if `hours` is set, only that long
    after the booking was confirmed. Then `kept_nights` unspent nights are kept, `percent` of the rest comes back."""

    days: int = 0
    hours: int = 0
    kept_nights: int = 0
    percent: int = 0
    service_fee: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A ladder; the first tier that fits decides, and the last one always fits."""

    kind: PolicyKind
    version: int
    tiers: tuple[Tier, ...]


def _full(days: int, hours: int = 0) -> Tier:
    return Tier(days, hours, percent=100, service_fee=True)


_GRACE = _full(7, 24)
_LADDERS: Mapping[tuple[PolicyKind, int], tuple[Tier, ...]] = {
    (PolicyKind.FLEXIBLE, 1): (_GRACE, _full(1), Tier(kept_nights=1, percent=100)),
    (PolicyKind.MODERATE, 1): (_GRACE, _full(5), Tier(kept_nights=1, percent=50)),
    (PolicyKind.FIRM, 1): (_GRACE, _full(30), Tier(7, percent=50), Tier()),
    (PolicyKind.STRICT, 1): (_GRACE, _full(14, 48), Tier(7, percent=50), Tier()),
}
POLICIES = {key: Policy(*key, tiers) for key, tiers in _LADDERS.items()}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a stay begins and ends: its days, read with the property's check-in and check-out times in its time zone."""

    stay: Stay
    time_zone: str
    check_in_time: time
    check_out_time: time

    @property
    def begins_at(self) -> datetime:
        """The instant of check-in."""
        return self.check_in_less(0)

    @property
    def ends_at(self) -> datetime:
        """The instant of check-out."""
        return self._instant(self.stay.check_out, self.check_out_time)

    def check_in_less(self, days: int) -> datetime:
        """The instant that is that many calendar days before check-in."""
        return self._instant(self.stay.check_in - DAY * days, self.check_in_time)

    def spent_nights(self, at: datetime) -> int:
        """How many nights are over: a night ends with the check-out time of the next day."""
        return sum(self._instant(night + DAY, self.check_out_time) <= at for night in self.stay.nights())

    def _instant(self, day: date, wall: time) -> datetime:
        return datetime.combine(day, wall, ZoneInfo(self.time_zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a cancellation means in money: refund + kept = paid, host_part + platform_part = kept.

    `tier` is the position in the ladder, None where none was asked; `tier_ends_at` its end, None where it has none.
    """

    refund: Money
    kept: Money
    host_part: Money
    platform_part: Money
    tier: int | None = None
    tier_ends_at: datetime | None = None


def nothing_paid(currency: str) -> Settlement:
    """The settlement of a booking that was never paid."""
    zero = Money(0, currency)
    return Settlement(zero, zero, zero, zero)


def settle(
    policy: Policy, price: Price, schedule: Schedule, *, confirmed_at: datetime, at: datetime, by: Party
) -> Settlement:
    """What goes back of a paid stay that `by` cancels at the instant `at`."""
    spent = schedule.spent_nights(at)
    if by is not Party.CLIENT:
        # Whoever else ends it: the client gets back everything but the nights that were slept in.
        return _split(price, _lodging(price, spent) + price.cleaning, price.service)
    position, tier = _fitting(policy, schedule, confirmed_at, at)
    lodging = _lodging(price, spent + tier.kept_nights).percent(tier.percent)
    nothing = Money(0, price.cleaning.currency)
    # The cleaner comes once the guests have been there.
    cleaning = price.cleaning if at < schedule.begins_at else nothing
    service = price.service if tier.service_fee else nothing
    ends_at = _end(tier, schedule, confirmed_at)
    return _split(price, lodging + cleaning, service, position, ends_at)


def _lodging(price: Price, first: int) -> Money:
    return total(list(price.nights[first:]), price.cleaning.currency)


def _fitting(policy: Policy, schedule: Schedule, confirmed_at: datetime, at: datetime) -> tuple[int, Tier]:
    for position, tier in enumerate(policy.tiers):
        ends_at = _end(tier, schedule, confirmed_at)
        if ends_at is None or at <= ends_at:
            return position, tier
    raise LookupError(f"the last tier of {policy.kind} {policy.version} must always fit")


def _end(tier: Tier, schedule: Schedule, confirmed_at: datetime) -> datetime | None:
    ends = []
    if tier.days:
        ends.append(schedule.check_in_less(tier.days))
    if tier.hours:
        ends.append(confirmed_at + timedelta(hours=tier.hours))
    return min(ends, default=None)


def _split(
    price: Price, of_hosts: Money, of_service: Money, tier: int | None = None, tier_ends_at: datetime | None = None
) -> Settlement:
    refund = (of_hosts + of_service).down_to(smallest_charge_step(price.cleaning.currency))
    kept = price.total - refund
    kept_service = price.service - of_service
    host_part, commission = share(kept - kept_service)
    return Settlement(refund, kept, host_part, kept_service + commission, tier, tier_ends_at)
