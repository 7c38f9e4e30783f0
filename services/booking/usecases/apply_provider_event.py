"""What a provider reported, applied: by the state of things, not by when the report arrived."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from opentelemetry.trace import SpanKind

from services.booking.domain.payment import Payment, ProviderEvent, ProviderEventKind
from services.booking.ports import ProviderRefund, RefundOutcome
from services.booking.repository import provider_events
from services.booking.repository.payments import Payments
from services.booking.usecases.record_payment import RecordPayment, RecordRefund
from services.chassis.database import Database, WriteConnection
from services.chassis.telemetry import span_under

log = structlog.get_logger(__name__)
BATCH = 50


@dataclass(frozen=True)
class ApplyProviderEvent:
    """Gives one kept event its effect."""

    database: Database
    payments: Payments
    record_payment: RecordPayment
    record_refund: RecordRefund

    async def __call__(self, event_id: str) -> None:
        """Does nothing for an event that had its effect, or that somebody else works on."""
        async with self.database.write() as tx:
            event = await provider_events.lock_pending(tx, event_id)
            if event is not None:
                problem = await self._apply(tx, event)
                await provider_events.mark_applied(tx, event_id, problem)
                if problem:
                    log.error("provider event without effect", event_id=event_id, type=event.type, problem=problem)

    async def _apply(self, tx: WriteConnection, event: ProviderEvent) -> str:
        match event.kind:
            case ProviderEventKind.PAYMENT_SUCCEEDED | ProviderEventKind.PAYMENT_CANCELLED:
                return await self._apply_to_payment(tx, event)
            case ProviderEventKind.REFUND_SUCCEEDED | ProviderEventKind.REFUND_FAILED if event.refund_id:
                outcome = _OUTCOMES[event.kind]
                await self.record_refund(tx, event.refund_id, ProviderRefund("", outcome), event.type)
        return ""

    async def _apply_to_payment(self, tx: WriteConnection, event: ProviderEvent) -> str:
        payment = await self.payments.find(tx, event.payment_id, event.intent_id)
        if payment is None:
            return ""
        if event.kind is ProviderEventKind.PAYMENT_CANCELLED:
            await self.record_payment.cancelled(tx, payment.booking_id, payment.payment_id, event.intent_id)
            return ""
        if problem := _doubt(payment, event):
            return problem
        await self.record_payment.succeeded(tx, payment.booking_id, payment.payment_id, event.intent_id)
        return ""


def _doubt(payment: Payment, event: ProviderEvent) -> str:
    if event.amount != payment.amount:
        return f"paid {event.amount}, asked for {payment.amount}"
    if payment.intent_id and payment.intent_id != event.intent_id:
        return f"paid by {event.intent_id}, opened as {payment.intent_id}"
    return ""


_OUTCOMES = {
    ProviderEventKind.REFUND_SUCCEEDED: RefundOutcome.SUCCEEDED,
    ProviderEventKind.REFUND_FAILED: RefundOutcome.FAILED,
}


@dataclass(frozen=True)
class ApplyProviderEvents:
    """Gives kept events the effect that the call which brought them had no time for."""

    database: Database
    apply: ApplyProviderEvent

    async def __call__(self) -> None:
        """Takes the oldest; one that fails does not keep the others."""
        async with self.database.read() as conn:
            waiting = await provider_events.pending(conn, BATCH)
        for event_id, traceparent in waiting:
            try:
                # In the trace of the call that brought it, so that its consequences are found there.
                carrier = {"traceparent": traceparent} if traceparent else {}
                with span_under(carrier, "apply provider event", SpanKind.INTERNAL):
                    await self.apply(event_id)
            except Exception as error:  # whatever it is, it is written down beside the event, and tried again
                log.exception("provider event failed", event_id=event_id)
                async with self.database.write() as tx:
                    await provider_events.mark_failed(tx, event_id, f"{type(error).__name__}: {error}"[:500])
