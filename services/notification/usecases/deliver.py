"""Works the queue of deliveries: claims what is due, renders it for its reader, and hands it to the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from opentelemetry.trace import SpanKind

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.jobs import LeadershipLost
from services.chassis.metrics import counter, seconds
from services.chassis.outbox import Outbox
from services.chassis.telemetry import span_under
from services.notification.domain import delivery as rules
from services.notification.domain.delivery import Delivery, Failure, Patience, State
from services.notification.domain.events import NotificationFailed, NotificationSent, about
from services.notification.domain.notification import Kind, Notification, Topic
from services.notification.ports import Contact, Directory, Mail, Mailer, Refused, Stale, Unavailable, Unreachable
from services.notification.rendering import IncompleteContent, Renderer
from services.notification.repository.deliveries import Claim, DeliveryRepository
from services.notification.repository.notifications import NotificationRepository

log = structlog.get_logger(__name__)
ATTEMPTS = counter("delivery_attempts", "Attempts to deliver, by how they ended.", ["channel", "kind", "outcome"])
RESUMED = counter("deliveries_resumed", "Attempts after one that fell silent: the message may have gone twice.")
DELAY = seconds("delivery_delay_seconds", "From taking a notification in to the provider's yes.", ["channel", "kind"])

ADDRESSED_BY_TOKEN = frozenset({Kind.EMAIL_VERIFICATION, Kind.EMAIL_CHANGE, Kind.PASSWORD_RESET, Kind.ACCOUNT_EXISTS})
MAX_BATCHES = 20

_GIVEN_UP = {
    IncompleteContent: Failure.CONTENT_INCOMPLETE,
    Unreachable: Failure.RECIPIENT_UNREACHABLE,
    Stale: Failure.CONTENT_STALE,
    Refused: Failure.PROVIDER_REFUSED,
}


@dataclass(frozen=True)
class Deliver:
    """One run sends what is due, batch by batch. Nothing is sent inside a transaction: the claim commits first, then
    the provider is called, then the outcome is written. A crash in between leaves a lease that runs out."""

    database: Database
    clock: Clock
    outbox: Outbox
    directory: Directory
    mailer: Mailer
    renderer: Renderer
    patience: Patience
    batch: int
    public_url: str
    notifications: NotificationRepository = field(default_factory=NotificationRepository)
    deliveries: DeliveryRepository = field(default_factory=DeliveryRepository)

    async def __call__(self) -> int:
        """How many attempts were made."""
        made = 0
        for _ in range(MAX_BATCHES):
            async with self.database.write() as tx:
                claims = await self.deliveries.claim(tx, self.batch, self.clock.now(), self.patience.lease)
            ends = await asyncio.gather(*(self._attempt(claim) for claim in claims), return_exceptions=True)
            _log_faults(claims, ends)
            made += len(claims)
            if len(claims) < self.batch:
                break
        return made

    async def _attempt(self, claim: Claim) -> None:
        if claim.resumed:
            RESUMED.inc()
            log.warning("delivery resumed: it may have been sent already", delivery_id=str(claim.delivery.delivery_id))
        async with self.database.read() as conn:
            notification = await self.notifications.get(conn, claim.delivery.notification_id)
        if notification is None:
            return  # its user was deleted meanwhile, and the delivery with it
        attributes = {"kerya.notification.kind": notification.kind.value, "kerya.channel": claim.delivery.channel.value}
        carrier = {"traceparent": claim.traceparent} if claim.traceparent else {}
        with span_under(carrier, "deliver notification", SpanKind.INTERNAL, attributes):
            settled = await self._send(claim.delivery, notification)
            await self._settle(settled, notification)

    async def _send(self, delivery: Delivery, notification: Notification) -> Delivery:
        if delivery.attempt_count > self.patience.max_attempts:
            return rules.given_up(delivery, Failure.PROVIDER_UNAVAILABLE, self.clock.now())
        try:
            mail = await self._mail(delivery, notification)
            return rules.sent(delivery, await self.mailer.send(mail), self.clock.now())
        except Unavailable as error:
            log.warning("delivery postponed", delivery_id=str(delivery.delivery_id), reason=error.reason)
            return rules.postponed(delivery, self.patience, error.retry_after, self.clock.now())
        except (IncompleteContent, Unreachable, Stale, Refused) as error:
            # The error's text names a template's variable or the provider's field, never its value.
            log.error("delivery given up", delivery_id=str(delivery.delivery_id), reason=str(error))
            return rules.given_up(delivery, _GIVEN_UP[type(error)], self.clock.now())

    async def _mail(self, delivery: Delivery, notification: Notification) -> Mail:
        contact = await self.directory.contact(notification.user_id)
        to, values = await self._addressed(notification, contact)
        message = self.renderer.mail(notification.kind, values, contact.locale)
        switchable = notification.kind.topic is not Topic.ACCOUNT
        return Mail(
            delivery_id=delivery.delivery_id,
            to=to,
            subject=message.subject,
            text=message.text,
            html=message.html,
            category=notification.kind.value.lower(),
            unsubscribe_url=f"{self.public_url}/notification-preferences" if switchable else "",
        )

    async def _addressed(self, notification: Notification, contact: Contact) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {
            **notification.values,
            "name": contact.display_name,
            "time_zone": contact.time_zone,
        }
        if notification.kind not in ADDRESSED_BY_TOKEN:
            return contact.email, values
        made = await self.directory.one_time_token(str(notification.values["verification_id"]))
        return made.email, {**values, "token": made.token, "expires_at": made.expires_at}

    async def _settle(self, settled: Delivery, notification: Notification) -> None:
        async with self.database.write() as tx:
            if await self.deliveries.settle(tx, settled):
                await self.outbox.add(tx, *_events(settled, notification))
        kind, channel = notification.kind.value, settled.channel.value
        ATTEMPTS.labels(channel, kind, settled.state.value).inc()
        if settled.state is State.SENT:
            DELAY.labels(channel, kind).observe((settled.updated_at - notification.created_at).total_seconds())


def _log_faults(claims: Sequence[Claim], ends: Sequence[BaseException | None]) -> None:
    """A fault of ours in one delivery must not stop the others; its lease runs out, and it is tried again."""
    for claim, end in zip(claims, ends, strict=True):
        if isinstance(end, LeadershipLost) or (end is not None and not isinstance(end, Exception)):
            raise end
        if end is not None:
            log.error("delivery attempt failed", delivery_id=str(claim.delivery.delivery_id), exc_info=end)


def _events(settled: Delivery, notification: Notification) -> list[NotificationSent | NotificationFailed]:
    if settled.state is State.SENT:
        return [NotificationSent(*about(settled, notification))]
    return [NotificationFailed(*about(settled, notification), settled.failure)] if settled.failure else []
