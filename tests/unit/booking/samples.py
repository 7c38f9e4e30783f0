"""Terms, quotes and bookings, as the tests of the rules need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.booking.domain.booking import Booking, hold
from services.booking.domain.money import Money
from services.booking.domain.pricing import price
from services.booking.domain.quote import Quote, offer
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PolicyKind, PropertyTerms

HOST, CLIENT = UUID(int=1), UUID(int=2)
# A Monday, noon in Algiers.
NOW = datetime(2027, 3, 1, 11, 0, tzinfo=UTC)


def terms(
    nightly: int = 5_000_00, weekend: int = 6_000_00, cleaning: int = 1_500_00, currency: str = "DZD", **changes: Any
) -> PropertyTerms:
    found = PropertyTerms(
        property_id=UUID(int=10),
        host_id=HOST,
        title="Dar with a view",
        time_zone="Africa/Algiers",
        nightly_price=Money(nightly, currency),
        weekend_price=Money(weekend, currency),
        cleaning_fee=Money(cleaning, currency),
        max_guests=4,
        min_nights=2,
        max_nights=60,
        instant_book=True,
        policy=PolicyKind.FLEXIBLE,
        check_in_time=time(15),
        check_out_time=time(11),
        version=7,
    )
    return replace(found, **changes)


def stay(first: int = 30, nights: int = 4) -> Stay:
    """A stay that begins that many days after the day of NOW."""
    check_in = date(2027, 3, 1) + timedelta(days=first)
    return Stay(check_in, check_in + timedelta(days=nights))


def quote(of: PropertyTerms | None = None, during: Stay | None = None, made: datetime = NOW) -> Quote:
    of, during = of or terms(), during or stay()
    return offer(UUID(int=20), of, during, 2, price(of, during), made, made + timedelta(minutes=15))


def held(of: Quote | None = None, at: datetime = NOW) -> Booking:
    return hold(UUID(int=30), UUID(int=40), CLIENT, of or quote(), "Salam", at, timedelta(minutes=15))
