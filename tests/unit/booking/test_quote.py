"""Terms decide, prices add up, and a quote is what was signed or nothing."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.errors import (
    BookingError,
    CurrencyMismatch,
    DatesReversed,
    MaxNights,
    MinNights,
    PastDates,
    QuoteExpired,
    QuoteTampered,
    TooFarAhead,
    TooManyGuests,
)
from services.booking.domain.money import Money
from services.booking.domain.pricing import price
from services.booking.domain.quote import read, sign
from services.booking.domain.stay import Stay
from services.booking.domain.terms import require_allowed
from tests.unit.booking.samples import NOW, quote, stay, terms

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("wanted", "guests", "currency", "refusal", "metadata"),
    [
        (stay(-1), 2, "", PastDates, {"today": "2027-03-01"}),
        (stay(5, 0), 2, "", DatesReversed, {"first": "2027-03-06", "last": "2027-03-06"}),
        (stay(5, -3), 2, "", DatesReversed, {"first": "2027-03-06", "last": "2027-03-03"}),
        (stay(800), 2, "", TooFarAhead, {"last_date": "2029-02-28"}),
        (stay(5, 1), 2, "", MinNights, {"min_nights": "2", "nights": "1"}),
        (stay(5, 61), 2, "", MaxNights, {"max_nights": "60", "nights": "61"}),
        (stay(5), 0, "", TooManyGuests, {"max_guests": "4", "guest_count": "0"}),
        (stay(5), 10_000, "", TooManyGuests, {"max_guests": "4", "guest_count": "10000"}),
        (stay(5), 2, "EUR", CurrencyMismatch, {"requested": "EUR", "currency_code": "DZD"}),
    ],
)
def test_a_stay_against_the_terms_is_refused_with_its_rule(
    wanted: Stay, guests: int, currency: str, refusal: type[BookingError], metadata: dict[str, str]
) -> None:
    with pytest.raises(refusal) as refused:
        require_allowed(terms(), wanted, guests, currency, NOW)
    assert refused.value.metadata == metadata


def test_today_is_the_propertys_today() -> None:
    almost_midnight_utc = datetime(2027, 3, 1, 23, 30, tzinfo=UTC)  # 00:30 on 2 March in Algiers
    with pytest.raises(PastDates):
        require_allowed(terms(), stay(0), 2, "DZD", almost_midnight_utc)
    require_allowed(terms(time_zone="America/New_York"), stay(0), 2, "DZD", almost_midnight_utc)


def test_four_hundred_nights_are_too_many_whatever_the_terms_say() -> None:
    with pytest.raises(MaxNights):
        require_allowed(terms(max_nights=1000), stay(5, 400), 2, "", NOW)


def test_a_weekend_is_friday_and_saturday() -> None:
    # Wednesday 31 March to Monday 5 April 2027.
    priced = price(terms(), Stay(date(2027, 3, 31), date(2027, 4, 5)))
    assert [night.minor for night in priced.nights] == [500_000, 500_000, 600_000, 600_000, 500_000]
    assert priced.total == Money(2_700_000 + 150_000 + 285_000, "DZD")


@given(
    nightly=st.integers(1, 10**9),
    cleaning=st.integers(0, 10**8),
    nights=st.integers(2, 60),
    currency=st.sampled_from(["JPY", "DZD", "TND"]),
)
def test_a_price_is_its_parts_and_can_be_charged(nightly: int, cleaning: int, nights: int, currency: str) -> None:
    priced = price(terms(nightly, nightly + 1, cleaning, currency), stay(3, nights))
    assert (
        priced.total.minor == sum(night.minor for night in priced.nights) + priced.cleaning.minor + priced.service.minor
    )
    tenth = (priced.lodging + priced.cleaning).minor // 10
    assert tenth <= priced.service.minor <= tenth + 9
    assert currency != "TND" or priced.total.minor % 10 == 0


def test_a_token_brings_the_quote_back() -> None:
    assert read(sign(quote(), KEY), KEY) == quote()


@given(st.data())
def test_a_changed_token_is_no_quote(data: st.DataObject) -> None:
    token = sign(quote(), KEY)
    position = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ é"))
    changed = token[:position] + letter + token[position + 1 :]
    if changed != token:
        with pytest.raises(QuoteTampered):
            read(changed, KEY)


@pytest.mark.parametrize("token", ["", "x", "=", "a" * 42, "a" * 43, "é" * 60, "{}", sign(quote(), KEY) + "A"])
def test_any_other_text_is_no_quote(token: str) -> None:
    with pytest.raises(QuoteTampered):
        read(token, KEY)


def test_a_cheaper_price_under_another_key_is_no_quote() -> None:
    cheap = replace(quote(), price=replace(quote().price, cleaning=Money(0, "DZD")))
    with pytest.raises(QuoteTampered):
        read(sign(cheap, bytes(32)), KEY)


def test_the_signature_covers_the_version_of_the_terms() -> None:
    raw = base64.urlsafe_b64decode(sign(quote(), KEY) + "===")
    forged = raw.replace(b'"terms":7', b'"terms":8')
    assert forged != raw
    with pytest.raises(QuoteTampered):
        read(base64.urlsafe_b64encode(forged).rstrip(b"=").decode(), KEY)


def test_a_quote_lives_until_the_second_it_names() -> None:
    found = quote()
    found.require_live(found.expires_at - timedelta(seconds=1))
    with pytest.raises(QuoteExpired) as refused:
        found.require_live(found.expires_at)
    assert refused.value.metadata == {"expire_time": "2027-03-01T11:15:00Z"}
