"""The calendar."""

from __future__ import annotations

from datetime import date
from typing import Any

from kerya.booking.v1 import calendar_pb2
from services.booking.domain.stay import Stay, from_nights
from services.booking.mapper.values import day, day_of, money
from services.booking.usecases.calendars import CalendarView
from services.chassis.errors import invalid
from services.chassis.ids import to_typeid


def nights_of(request: Any) -> Stay:
    """The range of a calendar request, from its first night to its last, both included."""
    last = day_of("last_night", request.last_night)
    if last == date.max:
        raise invalid("last_night", "must be before the end of the calendar", "date.range")
    return from_nights(day_of("first_night", request.first_night), last)


def calendar(found: CalendarView) -> calendar_pb2.Calendar:
    """Every night of the range."""
    return calendar_pb2.Calendar(
        property_id=to_typeid("property", found.terms.property_id),
        time_zone=found.terms.time_zone,
        nights=[_calendar_night(found, night) for night in found.nights.nights()],
    )


def _calendar_night(found: CalendarView, night: date) -> calendar_pb2.CalendarNight:
    taken = found.taken.get(night)
    state = calendar_pb2.CalendarNight.AVAILABLE
    if taken is not None:
        state = _HOST_STATES[taken.kind] if found.for_host else calendar_pb2.CalendarNight.UNAVAILABLE
    elif night < found.today:
        state = calendar_pb2.CalendarNight.PAST
    shown = taken.booking_id if taken is not None and found.for_host else None
    return calendar_pb2.CalendarNight(
        night=day(night),
        state=state,
        price=money(found.terms.price_of(night)),
        booking_id=to_typeid("booking", shown) if shown else "",
    )


_HOST_STATES = {
    "HOLD": calendar_pb2.CalendarNight.HELD,
    "BOOKING": calendar_pb2.CalendarNight.BOOKED,
    "BLOCK": calendar_pb2.CalendarNight.BLOCKED,
    "IMPORT": calendar_pb2.CalendarNight.IMPORTED,
}
