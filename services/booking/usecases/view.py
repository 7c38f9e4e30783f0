"""What reads and changes of bookings answer with."""

from __future__ import annotations

from dataclasses import dataclass

from services.booking.domain.booking import Booking
from services.booking.domain.payment import Payment
from services.booking.repository.payments import Payments
from services.chassis.database import ReadConnection


@dataclass(frozen=True, slots=True)
class BookingView:
    """A booking with its payment."""

    booking: Booking
    payment: Payment


async def view(conn: ReadConnection, payments: Payments, bookings: list[Booking]) -> list[BookingView]:
    """The bookings with their payments, in the same order."""
    found = await payments.get_all(conn, [booking.payment_id for booking in bookings])
    return [BookingView(booking, found[booking.payment_id]) for booking in bookings]
