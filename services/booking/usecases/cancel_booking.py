"""Cancelling: the nights are free at once, the refund is promised in the same transaction and sent by a job."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.booking.domain import ledger
from services.booking.domain.booking import Booking
from services.booking.domain.events import BookingCancelled
from services.booking.domain.payment import Payment, RefundReason
from services.booking.domain.policy import Settlement
from services.booking.repository import bookings
from services.booking.repository import ledger as books
from services.booking.repository.payments import Payments
from services.booking.usecases.endings import end, promise_refund
from services.booking.usecases.read_bookings import side_of
from services.booking.usecases.view import BookingView, view
from services.chassis.database import Database, WriteConnection
from services.chassis.etag import require_match
from services.chassis.metrics import counter
from services.chassis.outbox import Outbox
from services.chassis.principal import Principal

CANCELLED = counter("bookings_cancelled", "Bookings cancelled, by side.", ["by"])


@dataclass(frozen=True)
class CancelBooking:
    """Cancels a booking for one of its sides."""

    database: Database
    payments: Payments
    outbox: Outbox

    async def __call__(self, caller: Principal, booking_id: UUID, reason: str, etag: str) -> BookingView:
        """The cancelled booking; `etag` may be empty."""
        async with self.database.write() as tx:
            booking, side = side_of(await bookings.lock(tx, booking_id), caller, booking_id)
            require_match(etag, booking.version)
            cancelled = booking.cancel(side, await bookings.now(tx), reason)
            payment, released = await end(tx, self.payments, cancelled)
            if cancelled.cancellation is not None:
                await self._share_out(tx, cancelled, payment, cancelled.cancellation.settlement)
            await self.outbox.add(tx, BookingCancelled(cancelled), released)
            [answer] = await view(tx, self.payments, [cancelled])
        CANCELLED.labels(side).inc()
        return answer

    async def _share_out(self, tx: WriteConnection, booking: Booking, payment: Payment, settlement: Settlement) -> None:
        if settlement.refund:
            await promise_refund(tx, self.payments, payment, settlement.refund, RefundReason.CANCELLED)
        if settlement.kept:
            await books.post(tx, ledger.keep(booking, settlement))
