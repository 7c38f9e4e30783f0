"""Booking: the nights are held first, then the payment is opened, so that nobody pays for nights somebody else has.

The provider is called between two transactions, never inside one. Wherever the process dies, the same call under the
same idempotency key goes on from there: the booking's id is the call's intention, and the payment's id, kept with the
hold, is the provider's idempotency key. If nobody calls again, the hold expires and the payment is voided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.booking.domain.booking import Booking, State, hold
from services.booking.domain.errors import OwnProperty, PaymentRefused, TooManyHolds
from services.booking.domain.events import BookingHeld, NightsTaken
from services.booking.domain.money import Money
from services.booking.domain.payment import Payment
from services.booking.domain.quote import Quote, read
from services.booking.ports import PaymentProvider
from services.booking.repository import bookings, nights
from services.booking.repository.payments import Payments
from services.booking.usecases.endings import expire
from services.booking.usecases.free_nights import refusal_of, require_free
from services.booking.usecases.turns import Turns
from services.booking.usecases.view import BookingView, view
from services.chassis.database import Database, WriteConnection
from services.chassis.ids import intended_id, new_id
from services.chassis.metrics import counter
from services.chassis.outbox import Outbox

HELD = counter("bookings_held", "Bookings whose nights were held.")


@dataclass(frozen=True)
class CreateBooking:
    """Books a quote for a client. A hold lasts for `hold_lifetime`; a client has at most `max_holds` at once."""

    database: Database
    payments: Payments
    provider: PaymentProvider
    outbox: Outbox
    key: bytes
    hold_lifetime: timedelta
    max_holds: int
    turns: Turns = field(default_factory=Turns)

    async def __call__(self, client_id: UUID, quote_token: str, message: str) -> BookingView:
        """The held booking with its open payment."""
        quote, booking_id = read(quote_token, self.key), intended_id()
        async with self.turns.of(quote.property_id):
            # Whoever comes too late learns it from one read, and needs no transaction for it.
            async with self.database.read() as conn:
                await require_free(conn, quote.property_id, quote.stay, quote.created_on, booking_id)
            held = await self._hold(booking_id, client_id, quote, message)
        return await self._open_payment(held)

    async def _hold(self, booking_id: UUID, client_id: UUID, quote: Quote, message: str) -> BookingView:
        async with self.database.write() as tx:
            at = await bookings.now(tx)
            booking = hold(booking_id, new_id(), client_id, quote, message, at, self.hold_lifetime)
            if not await bookings.add(tx, booking):
                # An earlier attempt of this call got so far; what it promised stands, also past the quote's time.
                [found] = await view(tx, self.payments, [await bookings.get_known(tx, booking_id)])
                return found
            quote.require_live(at)
            await self._require_welcome(tx, booking)
            payment = _payment(booking)
            await self.payments.add(tx, payment)
            # The nights come last: whoever wants them, too, waits for the rest of this transaction.
            taking = await nights.hold(tx, booking)
            if taking is None:
                raise await refusal_of(tx, quote.property_id, quote.stay, quote.created_on, booking_id)
            await self.outbox.add(tx, BookingHeld(booking), NightsTaken(taking))
        HELD.inc()
        return BookingView(booking, payment)

    async def _require_welcome(self, tx: WriteConnection, booking: Booking) -> None:
        if booking.client_id == booking.host_id:
            raise OwnProperty(property_id=booking.property_id)
        # The new booking is counted, too.
        if await bookings.count_holds(tx, booking.client_id) > self.max_holds:
            raise TooManyHolds(max_holds=self.max_holds)

    async def _open_payment(self, held: BookingView) -> BookingView:
        if held.booking.state is not State.HELD or held.payment.intent_id:
            return held
        try:
            intent = await self.provider.open(held.payment)
        except PaymentRefused:
            await self._let_go(held.booking)
            raise
        async with self.database.write() as tx:
            await self.payments.set_intent(tx, held.payment.payment_id, intent.intent_id, intent.client_secret)
            # Read again: the money may have come before this answer, or the hold may have ended.
            [found] = await view(tx, self.payments, [await bookings.get_known(tx, held.booking.booking_id)])
        return found

    async def _let_go(self, held: Booking) -> None:
        # Nobody can pay it, so nobody shall wait for its nights until the hold ends by itself.
        async with self.database.write() as tx:
            booking = await bookings.lock_known(tx, held.booking_id)
            if booking.state is State.HELD:
                await expire(tx, self.payments, self.outbox, booking)


def _payment(booking: Booking) -> Payment:
    zero = Money(0, booking.total.currency)
    return Payment(booking.payment_id, booking.booking_id, booking.total, refunding=zero, refunded=zero)
