"""Money, dates, times and points, both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2, latlng_pb2, money_pb2, timeofday_pb2

from services.chassis.errors import invalid
from services.property.domain.geo import Point
from services.property.domain.money import Money


def from_money(message: money_pb2.Money, field: str) -> Money:
    """Raises CurrencyUnsupported, AmountInvalid and AmountTooFine, naming `field`."""
    return Money.of(message.currency_code, message.units, message.nanos, field)


def to_money(amount: Money) -> money_pb2.Money:
    """As google.type.Money."""
    units, nanos = amount.units_and_nanos()
    return money_pb2.Money(currency_code=amount.currency, units=units, nanos=nanos)


def from_date(message: date_pb2.Date, field: str) -> date:
    """Raises INVALID_REQUEST for a day that its month does not have."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise invalid(field, "is not a day of the calendar") from None


def from_time(message: timeofday_pb2.TimeOfDay) -> time:
    """To the minute."""
    return time(message.hours, message.minutes)


def to_time(at: time) -> timeofday_pb2.TimeOfDay:
    """To the minute."""
    return timeofday_pb2.TimeOfDay(hours=at.hour, minutes=at.minute)


def from_point(message: latlng_pb2.LatLng) -> Point:
    """WGS 84."""
    return Point(message.latitude, message.longitude)


def to_point(point: Point) -> latlng_pb2.LatLng:
    """WGS 84."""
    return latlng_pb2.LatLng(latitude=point.latitude, longitude=point.longitude)


def to_timestamp(at: datetime | None) -> Timestamp | None:
    """None stays None: the field is then not set."""
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at.astimezone(UTC).replace(tzinfo=None))
    return stamp


def enum_value(value: int) -> Any:
    """A number of the contract's enum, as the stubs type it."""
    return value
