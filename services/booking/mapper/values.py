"""Money, days and instants."""

from __future__ import annotations

from datetime import UTC, date, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, money_pb2

from services.booking.domain.money import Money, exponent
from services.chassis.errors import invalid

NANO = 9


def money_of(message: money_pb2.Money) -> Money:
    """Units and nanos as minor units. Raises ValueError for a fraction of a minor unit."""
    decimals = exponent(message.currency_code)
    minor, rest = divmod(message.nanos, 10 ** (NANO - decimals))
    if rest:
        raise ValueError(f"{message.nanos} nanos are no whole minor units of {message.currency_code}")
    return Money(message.units * 10**decimals + minor, message.currency_code)


def money(amount: Money) -> money_pb2.Money:
    """Minor units as units and nanos, both with the amount's sign."""
    decimals = exponent(amount.currency)
    sign = -1 if amount.minor < 0 else 1
    units, minor = divmod(abs(amount.minor), 10**decimals)
    nanos = sign * minor * 10 ** (NANO - decimals)
    return money_pb2.Money(currency_code=amount.currency, units=sign * units, nanos=nanos)


def day(value: date) -> date_pb2.Date:
    """A whole date."""
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def day_of(field: str, message: date_pb2.Date) -> date:
    """A date of the calendar; 30 February, or a date without a day, is not one."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise invalid(field, "must be a date of the calendar, with year, month and day", "date.real") from None


def instant(value: datetime | None) -> Timestamp | None:
    """An instant; None stays absent."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value.astimezone(UTC))
    return stamp


def instant_of(field: str, message: Timestamp) -> datetime:
    """An instant between the years 1 and 9999."""
    try:
        return message.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise invalid(field, "must be an instant between the years 1 and 9999", "timestamp.range") from None
