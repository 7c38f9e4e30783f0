"""Periodic work, one leader each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.booking.usecases.apply_provider_event import ApplyProviderEvents
from services.booking.usecases.complete_stays import CompleteStays
from services.booking.usecases.expire_holds import ExpireHolds
from services.booking.usecases.forget_provider_events import ForgetProviderEvents
from services.booking.usecases.prove_ledger import ProveLedger
from services.booking.usecases.send_refunds import SendRefunds
from services.booking.usecases.void_payments import VoidPayments
from services.chassis.jobs import Job


def jobs(
    expire_holds: ExpireHolds,
    complete_stays: CompleteStays,
    apply_provider_events: ApplyProviderEvents,
    send_refunds: SendRefunds,
    void_payments: VoidPayments,
    forget_provider_events: ForgetProviderEvents,
    prove_ledger: ProveLedger,
) -> Sequence[Job]:
    """The jobs of the booking service. A hold outlives its time by one period at most."""
    return (
        Job("expire-holds", every=timedelta(seconds=1), run=expire_holds),
        Job("complete-stays", every=timedelta(minutes=1), run=complete_stays),
        Job("apply-provider-events", every=timedelta(seconds=1), run=apply_provider_events),
        Job("send-refunds", every=timedelta(seconds=1), run=send_refunds),
        Job("void-payments", every=timedelta(seconds=2), run=void_payments),
        Job("forget-provider-events", every=timedelta(hours=1), run=forget_provider_events),
        Job("prove-ledger", every=timedelta(hours=1), run=prove_ledger),
    )
