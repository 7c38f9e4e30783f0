"""Payments of bookings that ended unpaid are made unpayable; one that was paid first is taken note of."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.booking.domain.errors import PaymentRefused, PaymentUnavailable
from services.booking.domain.payment import Payment
from services.booking.ports import IntentState, PaymentProvider
from services.booking.repository.payments import Payments
from services.booking.usecases.record_payment import RecordPayment
from services.chassis.database import Database

log = structlog.get_logger(__name__)
# Calls made one after the other in one round; the claim lasts longer than most take, and the stored key does the rest.
BATCH = 5


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
            code = error.metadata["provider_code"]
            if payment.intent_id:
                # Opened once, it may still be payable, whatever this answer says: a wrong account or key sounds alike.
                log.error("payment not voided; tried again later", payment_id=str(payment.payment_id), code=code)
                return
            # It was never opened, and never will be.
            log.info("payment was never opened", payment_id=str(payment.payment_id), code=code)
        async with self.database.write() as tx:
            if state is IntentState.SUCCEEDED:
                await self.record.succeeded(tx, payment.booking_id, payment.payment_id, intent_id)
            else:
                await self.record.cancelled(tx, payment.booking_id, payment.payment_id, intent_id)
