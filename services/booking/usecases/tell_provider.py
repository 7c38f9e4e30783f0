"""What the provider is yet to be told: refunds to send, payments to void.

Told at least once, with the stored key each time, so that the effect is there once. No transaction is open meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.booking.domain.errors import PaymentRefused, PaymentUnavailable
from services.booking.domain.payment import Payment, Refund
from services.booking.ports import IntentState, PaymentProvider, ProviderRefund, RefundOutcome
from services.booking.repository.payments import Payments, claim_refunds
from services.booking.usecases.record_payment import RecordPayment, RecordRefund
from services.chassis.database import Database

log = structlog.get_logger(__name__)
# Calls made one after the other in one round; the claim lasts longer than they take.
BATCH = 5


@dataclass(frozen=True)
class SendRefunds:
    """Sends promised refunds."""

    database: Database
    payments: Payments
    provider: PaymentProvider
    record: RecordRefund

    async def __call__(self) -> None:
        """One round."""
        async with self.database.write() as tx:
            due = await claim_refunds(tx, BATCH)
            paid_by = await self.payments.get_all(tx, [refund.payment_id for refund in due])
        for refund in due:
            await self._send(refund, paid_by[refund.payment_id].intent_id)

    async def _send(self, refund: Refund, intent_id: str) -> None:
        problem = ""
        try:
            said = await self.provider.refund(refund, intent_id)
        except PaymentUnavailable:
            log.warning("refund not sent; tried again later", refund_id=str(refund.refund_id))
            return
        except PaymentRefused as error:
            problem = error.metadata["provider_code"]
            said = ProviderRefund("", RefundOutcome.FAILED)
        async with self.database.write() as tx:
            await self.record(tx, refund.refund_id, said, problem)


@dataclass(frozen=True)
class VoidPayments:
    """Makes the provider refuse payments of bookings that ended unpaid. Money that came first is taken note of."""

    database: Database
    payments: Payments
    provider: PaymentProvider
    record: RecordPayment

    async def __call__(self) -> None:
        """One round."""
        async with self.database.write() as tx:
            due = await self.payments.claim_voiding(tx, BATCH)
        for payment in due:
            await self._void(payment)

    async def _void(self, payment: Payment) -> None:
        intent_id, state = payment.intent_id, IntentState.CANCELLED
        try:
            intent = await self.provider.void(payment)
            intent_id, state = intent.intent_id, intent.state
        except PaymentUnavailable:
            log.warning("payment not voided; tried again later", payment_id=str(payment.payment_id))
            return
        except PaymentRefused as error:
            # It was never opened, and never will be.
            log.info(
                "payment was never opened", payment_id=str(payment.payment_id), code=error.metadata["provider_code"]
            )
        async with self.database.write() as tx:
            if state is IntentState.SUCCEEDED:
                await self.record.succeeded(tx, payment.booking_id, payment.payment_id, intent_id)
            else:
                await self.record.cancelled(tx, payment.booking_id, payment.payment_id, intent_id)
