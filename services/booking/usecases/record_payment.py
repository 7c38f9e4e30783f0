"""The provider's word on a payment, applied by the booking's state and not by when the word arrived."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from services.booking.domain import ledger
from services.booking.domain.booking import Booking, State
from services.booking.domain.events import BookingConfirmed, PaymentRefunded, PaymentSucceeded
from services.booking.domain.payment import Payment, PaymentState, RefundReason, RefundState
from services.booking.ports import ProviderRefund, RefundOutcome
from services.booking.repository import bookings, nights
from services.booking.repository import ledger as books
from services.booking.repository.payments import Payments, get_refund, lock_refund, save_refund
from services.booking.usecases.endings import promise_refund
from services.chassis.database import WriteConnection
from services.chassis.metrics import counter
from services.chassis.outbox import Outbox

log = structlog.get_logger(__name__)
CONFIRMED = counter("bookings_confirmed", "Bookings confirmed by their payment.")
PAID_LATE = counter("payments_late", "Payments that came after their booking had ended, and were refunded.")
REFUNDS = counter("refunds", "Refunds by how they ended.", ["outcome"])


@dataclass(frozen=True)
class RecordPayment:
    """Takes note that a payment was paid, or can no longer be. Asked again, it changes nothing."""

    payments: Payments
    outbox: Outbox

    async def succeeded(self, tx: WriteConnection, booking_id: UUID, payment_id: UUID, intent_id: str) -> None:
        """The provider has the money: a hold is confirmed; a booking that has ended gives all of it back."""
        booking, payment = await self._lock(tx, booking_id, payment_id)
        if payment.state is PaymentState.SUCCEEDED:
            return
        paid = payment.succeed(intent_id)
        await books.post(tx, ledger.charge(booking, paid))
        if booking.state is State.HELD:
            await self.payments.save(tx, paid)
            await self._confirm(tx, booking, paid)
            return
        PAID_LATE.inc()
        await promise_refund(tx, self.payments, paid, paid.amount, RefundReason.PAID_LATE)
        await self.outbox.add(tx, PaymentSucceeded(booking, paid))

    async def cancelled(self, tx: WriteConnection, booking_id: UUID, payment_id: UUID, intent_id: str) -> None:
        """The provider takes it no more. A hold stays until its time is over."""
        _, payment = await self._lock(tx, booking_id, payment_id)
        if payment.state in (PaymentState.PENDING, PaymentState.VOIDING):
            await self.payments.save(tx, payment.voided(intent_id))

    async def _lock(self, tx: WriteConnection, booking_id: UUID, payment_id: UUID) -> tuple[Booking, Payment]:
        booking = await bookings.lock_known(tx, booking_id)
        return booking, await self.payments.lock(tx, payment_id)

    async def _confirm(self, tx: WriteConnection, booking: Booking, paid: Payment) -> None:
        confirmed = booking.confirm(await bookings.now(tx))
        await bookings.save(tx, confirmed)
        await nights.confirm(tx, confirmed)
        await self.outbox.add(tx, PaymentSucceeded(confirmed, paid), BookingConfirmed(confirmed))
        CONFIRMED.inc()


@dataclass(frozen=True)
class RecordRefund:
    """Takes note of what the provider says of a refund. Asked again, it changes nothing."""

    payments: Payments
    outbox: Outbox

    async def __call__(self, tx: WriteConnection, refund_id: UUID, said: ProviderRefund, problem: str = "") -> None:
        """Writes where the refund stands; once it succeeded, the ledger and the event follow."""
        known = await get_refund(tx, refund_id)
        if known is None:
            return
        booking = await bookings.lock_known(tx, known.booking_id)
        payment = await self.payments.lock(tx, known.payment_id)
        refund = await lock_refund(tx, refund_id)
        if refund.is_over:
            # The webhook was quicker than the answer to the call; the answer still has the provider's id.
            if said.provider_refund_id and not refund.provider_refund_id:
                await save_refund(tx, refund.answered(said.provider_refund_id, refund.state), problem)
            return
        changed = refund.answered(said.provider_refund_id, _STATES[said.outcome])
        await save_refund(tx, changed, problem)
        if changed.state is RefundState.SUCCEEDED:
            returned = payment.give_back(changed.amount)
            await self.payments.save(tx, returned)
            await books.post(tx, ledger.refund(booking, changed))
            await self.outbox.add(tx, PaymentRefunded(booking, returned, changed))
        if changed.state is RefundState.FAILED:
            log.error("refund failed", refund_id=str(refund_id), booking_id=str(booking.booking_id), problem=problem)
        REFUNDS.labels(said.outcome).inc()


_STATES = {
    RefundOutcome.PENDING: RefundState.SENT,
    RefundOutcome.SUCCEEDED: RefundState.SUCCEEDED,
    RefundOutcome.FAILED: RefundState.FAILED,
}
