"""Money never loses a minor unit, whatever the currency's decimals."""

import pytest
from google.type import money_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.money import Money, exponent, total
from services.booking.mapper.values import money, money_of

CURRENCIES = st.sampled_from(["JPY", "DZD", "EUR", "TND", "KWD"])
AMOUNTS = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(("currency", "decimals"), [("JPY", 0), ("XOF", 0), ("DZD", 2), ("EUR", 2), ("TND", 3)])
def test_minor_units_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@given(AMOUNTS, CURRENCIES)
def test_the_contract_carries_every_amount_there_and_back(minor: int, currency: str) -> None:
    message = money(Money(minor, currency))
    assert money_of(message) == Money(minor, currency)
    # google.type.Money: both parts have one sign.
    assert message.units * message.nanos >= 0
    assert abs(message.nanos) < 10**9


@pytest.mark.parametrize(
    ("currency", "minor", "units", "nanos"),
    [
        ("DZD", 1250, 12, 500_000_000),
        ("TND", 1250, 1, 250_000_000),
        ("JPY", 1250, 1250, 0),
        ("EUR", -175, -1, -750_000_000),
    ],
)
def test_an_amount_reads_as_people_write_it(currency: str, minor: int, units: int, nanos: int) -> None:
    assert money(Money(minor, currency)) == money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def test_a_fraction_of_a_minor_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="whole minor units"):
        money_of(money_pb2.Money(currency_code="DZD", units=1, nanos=1_000_000))


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot be summed"):
        total([Money(1, "DZD"), Money(1, "EUR")], "DZD")
