"""Providers' webhooks: an event is kept before it is answered, and has its effect once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from services.booking.ports import PaymentProvider
from services.booking.repository import provider_events
from services.booking.usecases.apply_provider_event import ApplyProviderEvent
from services.chassis.database import Database
from services.chassis.metrics import counter
from services.chassis.telemetry import traceparent

log = structlog.get_logger(__name__)
RECEIVED = counter(
    "provider_events", "Events of payment providers, by type and whether they were new.", ["type", "new"]
)
# The provider is answered within this time whatever the effect takes; the job does what is left.
PATIENCE_S = 0.15


@dataclass(frozen=True)
class ReceiveWebhook:
    """Takes a provider's webhook call."""

    database: Database
    provider: PaymentProvider
    apply: ApplyProviderEvent

    async def __call__(self, payload: bytes, signature: str) -> None:
        """Returns once the event is kept: the provider need not send it again."""
        event = self.provider.read_event(payload, signature)
        async with self.database.write() as tx:
            new = await provider_events.keep(tx, event, traceparent() or "")
        RECEIVED.labels(event.type, str(new).lower()).inc()
        if new:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self.apply(event.event_id)
            except TimeoutError:
                log.info("provider event left to the job", event_id=event.event_id)
