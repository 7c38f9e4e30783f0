"""What the ends of a booking have in common: nights go back, payments are given up, money is promised back."""

from __future__ import annotations

from services.booking.domain.booking import Booking
from services.booking.domain.events import BookingExpired, NightsReleased
from services.booking.domain.money import Money
from services.booking.domain.payment import Payment, Refund, RefundReason
from services.booking.repository import bookings, nights
from services.booking.repository.payments import Payments, add_refund
from services.chassis.database import WriteConnection
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox


async def end(tx: WriteConnection, payments: Payments, ended: Booking) -> tuple[Payment, NightsReleased]:
    """Writes a locked booking's end, frees its nights, and gives its payment up if it was not paid.

    Answers with the payment, locked, and the event of the nights.
    """
    await bookings.save(tx, ended)
    released = NightsReleased(await nights.release(tx, ended))
    payment = await payments.lock(tx, ended.payment_id)
    if payment.is_pending:
        payment = payment.give_up()
        await payments.save(tx, payment)
    return payment, released


async def expire(tx: WriteConnection, payments: Payments, outbox: Outbox, held: Booking) -> None:
    """Ends a locked hold that is not paid."""
    expired = held.expire(await bookings.now(tx))
    _, released = await end(tx, payments, expired)
    await outbox.add(tx, BookingExpired(expired), released)


async def promise_refund(
    tx: WriteConnection, payments: Payments, payment: Payment, amount: Money, reason: RefundReason
) -> None:
    """Opens a refund of a locked payment; a job sends it. Raises ValueError beyond what was paid."""
    await payments.save(tx, payment.open_refund(amount))
    await add_refund(tx, Refund(new_id(), payment.payment_id, payment.booking_id, amount, reason))
