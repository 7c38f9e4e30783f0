"""Refunds are sent until the provider has said its last word.

Asked at least once, under the stored key each time, so that the money goes back once. No transaction is open meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.booking.domain.errors import PaymentRefused, PaymentUnavailable
from services.booking.domain.payment import Refund
from services.booking.ports import PaymentProvider, ProviderRefund, RefundOutcome
from services.booking.repository.payments import Payments, claim_refunds
from services.booking.usecases.record_payment import RecordRefund
from services.chassis.database import Database

log = structlog.get_logger(__name__)
# Calls made one after the other in one round; the claim lasts longer than most take, and the stored key does the rest.
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
