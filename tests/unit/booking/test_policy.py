"""Cancellation: cut-offs to the second on the property's clock, and money that always adds up."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.ledger import keep
from services.booking.domain.money import Money, smallest_charge_step
from services.booking.domain.policy import POLICIES, Party, Schedule, Settlement, settle
from services.booking.domain.pricing import price
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PolicyKind
from tests.unit.booking.samples import held, stay, terms

LONG_AGO = datetime(2027, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# Five nights of 1,000.00 from Sunday 13 June 2027, cleaning 100.00, service 510.00: 5,610.00 in all.
TERMS = terms(1_000_00, 1_000_00, 100_00)
STAY = Stay(date(2027, 6, 13), date(2027, 6, 18))
PRICE = price(TERMS, STAY)
# Check-in is at 15:00 in Algiers, UTC+1 all year.
CHECK_IN = datetime(2027, 6, 13, 14, 0, tzinfo=UTC)


def cancel(kind: PolicyKind, at: datetime, confirmed_at: datetime = LONG_AGO, by: Party = Party.CLIENT) -> Settlement:
    schedule = Schedule(STAY, TERMS.time_zone, TERMS.check_in_time, TERMS.check_out_time)
    return settle(POLICIES[kind, 1], PRICE, schedule, confirmed_at=confirmed_at, at=at, by=by)


EVERYTHING, NOTHING = 5_610_00, 0
# Half of the nights and all of the cleaning, which was not done.
HALF = 2_500_00 + 100_00
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "before_check_in", "refund"),
    [
        (PolicyKind.FLEXIBLE, DAY, EVERYTHING),
        (PolicyKind.FLEXIBLE, DAY - SECOND, 4_000_00 + 100_00),
        (PolicyKind.MODERATE, 5 * DAY, EVERYTHING),
        (PolicyKind.MODERATE, 5 * DAY - SECOND, 2_000_00 + 100_00),
        (PolicyKind.FIRM, 30 * DAY, EVERYTHING),
        (PolicyKind.FIRM, 30 * DAY - SECOND, HALF),
        (PolicyKind.FIRM, 7 * DAY, HALF),
        (PolicyKind.FIRM, 7 * DAY - SECOND, 100_00),
        (PolicyKind.STRICT, 60 * DAY, HALF),
        (PolicyKind.STRICT, 7 * DAY, HALF),
        (PolicyKind.STRICT, 7 * DAY - SECOND, 100_00),
    ],
)
def test_the_tier_changes_on_the_second(kind: PolicyKind, before_check_in: timedelta, refund: int) -> None:
    settled = cancel(kind, CHECK_IN - before_check_in)
    assert settled.refund == Money(refund, "DZD")
    assert settled.kept == Money(EVERYTHING - refund, "DZD")


@pytest.mark.parametrize("kind", list(PolicyKind))
def test_within_a_day_of_confirming_everything_comes_back_if_check_in_is_a_week_off(kind: PolicyKind) -> None:
    at = CHECK_IN - 8 * DAY
    assert cancel(kind, at, confirmed_at=at - DAY).refund.minor == EVERYTHING
    late = cancel(kind, CHECK_IN - 6 * DAY, confirmed_at=CHECK_IN - 6 * DAY - SECOND)
    assert kind in (PolicyKind.FLEXIBLE, PolicyKind.MODERATE) or late.refund.minor == 100_00


def test_strict_gives_everything_back_within_two_days_of_booking_two_weeks_ahead() -> None:
    at = CHECK_IN - 20 * DAY
    assert cancel(PolicyKind.STRICT, at, confirmed_at=at - 2 * DAY).refund.minor == EVERYTHING
    assert cancel(PolicyKind.STRICT, at, confirmed_at=at - 2 * DAY - SECOND).refund.minor == HALF


def test_nights_slept_in_are_not_given_back() -> None:
    # On the third day, after the second night: two nights spent, one more kept, two come back, the cleaner came.
    third_day = datetime(2027, 6, 15, 12, 0, tzinfo=UTC)
    assert cancel(PolicyKind.FLEXIBLE, third_day).refund.minor == 2_000_00
    assert cancel(PolicyKind.MODERATE, third_day).refund.minor == 1_000_00


def test_a_host_who_cancels_gives_everything_back() -> None:
    assert cancel(PolicyKind.STRICT, CHECK_IN - SECOND, by=Party.HOST).refund.minor == EVERYTHING
    assert cancel(PolicyKind.STRICT, CHECK_IN + 2 * DAY, by=Party.HOST).refund.minor == EVERYTHING - 2_000_00


def test_a_tier_says_when_it_ends() -> None:
    settled = cancel(PolicyKind.FIRM, CHECK_IN - 40 * DAY)
    assert (settled.tier, settled.tier_ends_at) == (1, CHECK_IN - 30 * DAY)
    assert cancel(PolicyKind.FIRM, CHECK_IN - DAY).tier_ends_at is None


@pytest.mark.parametrize(
    ("check_in", "cut_off"),
    [
        # Clocks go forward on 28 March 2027 in Paris: a day before check-in is 23 hours before it.
        (date(2027, 3, 28), datetime(2027, 3, 27, 14, 0, tzinfo=UTC)),
        # And back on 31 October: 25 hours.
        (date(2027, 10, 31), datetime(2027, 10, 30, 13, 0, tzinfo=UTC)),
    ],
)
def test_a_cut_off_is_read_off_the_wall_also_when_the_clocks_change(check_in: date, cut_off: datetime) -> None:
    during = Stay(check_in, check_in + timedelta(days=2))
    schedule = Schedule(during, "Europe/Paris", time(15), time(11))
    policy, cost = POLICIES[PolicyKind.FLEXIBLE, 1], price(TERMS, during)
    on_time = settle(policy, cost, schedule, confirmed_at=LONG_AGO, at=cut_off, by=Party.CLIENT)
    late = settle(policy, cost, schedule, confirmed_at=LONG_AGO, at=cut_off + SECOND, by=Party.CLIENT)
    assert on_time.refund == cost.total
    assert late.kept.minor > 0


@given(
    kind=st.sampled_from(list(PolicyKind)),
    currency=st.sampled_from(["JPY", "DZD", "TND"]),
    nightly=st.integers(1, 10**9),
    cleaning=st.integers(0, 10**7),
    nights=st.integers(1, 60),
    hours=st.integers(-24 * 90, 24 * 60),
    confirmed_hours=st.integers(0, 24 * 60),
    by=st.sampled_from(list(Party)),
)
def test_refund_and_kept_are_what_was_paid_to_the_last_minor_unit(
    kind: PolicyKind,
    currency: str,
    nightly: int,
    cleaning: int,
    nights: int,
    hours: int,
    confirmed_hours: int,
    by: Party,
) -> None:
    of, during = terms(nightly, nightly * 2, cleaning, currency), stay(60, nights)
    cost = price(of, during)
    schedule = Schedule(during, of.time_zone, of.check_in_time, of.check_out_time)
    at = schedule.begins_at + timedelta(hours=hours)
    confirmed_at = at - timedelta(hours=confirmed_hours)
    settled = settle(POLICIES[kind, 1], cost, schedule, confirmed_at=confirmed_at, at=at, by=by)
    assert settled.refund + settled.kept == cost.total
    assert settled.host_part + settled.platform_part == settled.kept
    assert min(settled.refund.minor, settled.kept.minor, settled.host_part.minor, settled.platform_part.minor) >= 0
    assert settled.refund.minor % smallest_charge_step(currency) == 0
    assert sum(entry.amount.minor for entry in keep(held(), settled).entries) == 0
