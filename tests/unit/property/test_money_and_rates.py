"""Prices: whole minor units, one currency, and what a stay costs."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.property.domain.errors import (
    AmountInvalid,
    AmountTooFine,
    CurrencyMismatch,
    CurrencyUnsupported,
    StayDatesInvalid,
    StayLimitsInvalid,
)
from services.property.domain.money import MINOR_DIGITS, Money
from services.property.domain.rates import Rates
from services.property.domain.stay import Stay

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DINARS = Money("DZD", 500_000)


@given(st.sampled_from(sorted(MINOR_DIGITS)), st.integers(-(10**9), 10**9))
def test_an_amount_survives_the_wire(currency: str, minor: int) -> None:
    amount = Money(currency, minor)
    units, nanos = amount.units_and_nanos()
    assert units * nanos >= 0
    assert Money.of(currency, units, nanos, "price") == amount


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "minor"),
    [("DZD", 5000, 0, 500_000), ("EUR", 0, 10_000_000, 1), ("TND", 1, 1_000_000, 1001), ("JPY", 900, 0, 900)],
)
def test_minor_units_follow_the_currency(currency: str, units: int, nanos: int, minor: int) -> None:
    assert Money.of(currency, units, nanos, "price").minor == minor


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "error"),
    [
        ("DZD", 1, 1, AmountTooFine),
        ("JPY", 0, 500_000_000, AmountTooFine),
        ("DZD", 1, -10_000_000, AmountInvalid),
        ("DZD", 10**12, 0, AmountInvalid),
        ("XXX", 1, 0, CurrencyUnsupported),
    ],
)
def test_what_is_no_amount(currency: str, units: int, nanos: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        Money.of(currency, units, nanos, "price")


def test_rates_are_positive_and_in_one_currency() -> None:
    with pytest.raises(AmountInvalid) as refused:
        Rates.checked(Money("DZD", 0), None, None, 0, 0)
    assert refused.value.metadata == {"field": "nightly_price"}
    with pytest.raises(AmountInvalid):
        Rates.checked(DINARS, None, Money("DZD", -1), 0, 0)
    with pytest.raises(CurrencyMismatch) as mixed:
        Rates.checked(DINARS, Money("EUR", 100), None, 0, 0)
    assert mixed.value.metadata == {"field": "weekend_price", "expected": "DZD", "given": "EUR"}


def test_rates_leave_room_for_a_stay() -> None:
    assert Rates.checked(DINARS, None, None, 0, 0).max_nights == 365
    for least, most in ((5, 3), (0, 366), (-1, 3)):
        with pytest.raises(StayLimitsInvalid):
            Rates.checked(DINARS, None, None, least, most)


def test_a_stay_costs_its_nights_with_the_weekend_and_the_cleaning() -> None:
    rates = Rates.checked(DINARS, Money("DZD", 700_000), Money("DZD", 100_000), 1, 30)
    thursday = date(2026, 11, 26)
    stay = Stay.checked(thursday, date(2026, 11, 30), NOW)  # Thu, Fri, Sat, Sun
    assert rates.total(stay) == Money("DZD", 500_000 + 2 * 700_000 + 500_000 + 100_000)


def test_equal_rates_are_no_new_version() -> None:
    first = Rates.checked(DINARS, None, None, 1, 30).succeeding(None)
    assert Rates.checked(DINARS, None, None, 1, 30).succeeding(first) is first
    assert Rates.checked(Money("DZD", 1), None, None, 1, 30).succeeding(first).version == 2


@pytest.mark.parametrize(
    ("check_in", "check_out"),
    [
        (date(2026, 11, 19), date(2026, 11, 22)),  # in the past everywhere
        (date(2026, 12, 2), date(2026, 12, 2)),
        (date(2026, 12, 2), date(2026, 12, 1)),
        (date(2026, 12, 1), date(2028, 1, 1)),  # too long
        (date(2028, 12, 1), date(2028, 12, 2)),  # too far ahead
    ],
)
def test_what_is_no_stay(check_in: date, check_out: date) -> None:
    with pytest.raises(StayDatesInvalid):
        Stay.checked(check_in, check_out, NOW)


def test_a_stay_may_begin_today_wherever_it_still_is_today() -> None:
    just_past_midnight_utc = datetime(2026, 11, 20, 3, tzinfo=UTC)
    assert Stay.checked(date(2026, 11, 19), date(2026, 11, 20), just_past_midnight_utc).night_count == 1
