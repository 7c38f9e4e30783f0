"""Reading bookings: by their client and their host, and by nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.booking.domain.booking import Booking, State
from services.booking.domain.errors import BookingNotFound
from services.booking.domain.policy import Party, Settlement
from services.booking.repository import bookings
from services.booking.repository.payments import Payments
from services.booking.usecases.view import BookingView, view
from services.chassis.database import Database
from services.chassis.principal import Principal


def side_of(booking: Booking | None, caller: Principal, booking_id: UUID) -> tuple[Booking, Party]:
    """The booking, and as whom the caller takes part: an admin for the marketplace. BookingNotFound for others."""
    if booking is not None:
        side = booking.side_of(caller.require_user())
        if side is not None:
            return booking, side
        if caller.is_admin:
            return booking, Party.PLATFORM
    raise BookingNotFound(booking_id=booking_id)


@dataclass(frozen=True)
class GetBooking:
    """Gets one booking."""

    database: Database
    payments: Payments

    async def __call__(self, caller: Principal, booking_id: UUID) -> BookingView:
        """The booking with its payment; BookingNotFound for anybody else than its two sides."""
        async with self.database.read() as conn:
            booking, _ = side_of(await bookings.get(conn, booking_id), caller, booking_id)
            [found] = await view(conn, self.payments, [booking])
        return found


@dataclass(frozen=True)
class ListBookings:
    """Lists a user's bookings."""

    database: Database
    payments: Payments

    async def __call__(
        self, user_id: UUID, side: Party, state: State | None, before: UUID | None, size: int
    ) -> list[BookingView]:
        """At most `size` bookings, the newest first, those made before the booking `before`."""
        async with self.database.read() as conn:
            return await view(conn, self.payments, await bookings.page(conn, user_id, side, state, before, size))


@dataclass(frozen=True)
class PreviewCancellation:
    """Computes a cancellation without doing it."""

    database: Database

    async def __call__(
        self, caller: Principal, booking_id: UUID, at: datetime | None
    ) -> tuple[Party, datetime, Settlement]:
        """In whose name, for which instant, and what it would mean; exactly what CancelBooking would do then."""
        async with self.database.read() as conn:
            booking, side = side_of(await bookings.get(conn, booking_id), caller, booking_id)
            moment = at or await bookings.now(conn)
        return side, moment, booking.settle(side, moment)
