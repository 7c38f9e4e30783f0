"""Consumers: events to handlers, each with one effect, and a way out for those that cannot have it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import nats.errors
import structlog
from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg
from nats.js import api
from opentelemetry.trace import SpanKind

from services.chassis import deadletter, telemetry
from services.chassis.cloudevent import open_envelope
from services.chassis.contract import Contract
from services.chassis.delivery import AlreadyHandled, Delivery, Reject
from services.chassis.feed import Feed
from services.chassis.jetstream import JetStream
from services.chassis.metrics import counter, seconds
from services.chassis.rules import ContractError
from services.chassis.supervision import Supervised

__all__ = ["AlreadyHandled", "Consumers", "Delivery", "Handlers", "Ladder", "Reject"]

log = structlog.get_logger(__name__)
HANDLED = counter("events_handled", "Deliveries by how they ended.", ["consumer", "subject", "outcome"])
LAG = seconds("event_lag_seconds", "From an event's occurrence to the end of its handling.", ["consumer", "subject"])

Handler = Callable[[Any, Delivery], Awaitable[None]]
ACK_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Ladder:
    """How patient a consumer is, in seconds. After attempt n it waits `backoff[n - 1]`, or the last step.

    The server's own BackOff is not used: a nak without a delay ignores it, and all attempts end within a moment.
    """

    ack_wait: float = 30.0
    backoff: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0)
    max_deliver: int = 8
    # Deliveries in hand at once, and how many of them are worked on: fewer than the pool has connections, so that
    # events never starve the RPCs. Those of one aggregate wait for each other.
    in_hand: int = 100
    lanes: int = 4

    def pause(self, attempt: int) -> float:
        """Seconds until the next attempt."""
        return self.backoff[min(attempt, len(self.backoff)) - 1]


@dataclass(frozen=True)
class Handlers:
    """Which handler has which event: `Handlers({BookingConfirmed: self.on_confirmed})`."""

    by_event: Mapping[type[Message], Handler]


class Consumers:
    """All consumers of a service: one durable "<service>-<stream>" for each stream its handlers read."""

    def __init__(
        self,
        jetstream: JetStream,
        contract: Contract,
        service: str,
        handlers: Sequence[Handlers],
        ladder: Ladder = Ladder(),
    ) -> None:
        """Raises ContractError for an event with two handlers, or a message that is no event."""
        by_stream: dict[str, dict[str, tuple[type[Message], Handler]]] = {}
        for event, handler in _all(handlers):
            rule = contract.event_of(event)
            subjects = by_stream.setdefault(rule.stream, {})
            if rule.subject in subjects:
                raise ContractError(f"{rule.full_name} has two handlers")
            subjects[rule.subject] = (event, handler)
        self._consumers = [
            StreamConsumer(jetstream, service, stream, subjects, ladder) for stream, subjects in by_stream.items()
        ]

    async def start(self) -> None:
        """Starts consuming; streams that are not there yet are waited for."""
        for consumer in self._consumers:
            consumer.start()

    async def stop(self, grace: float = 10.0) -> None:
        """Takes no more events, lets those in hand end for `grace` seconds, and gives the rest back."""
        await asyncio.gather(*(consumer.stop(grace) for consumer in self._consumers))


def _all(handlers: Iterable[Handlers]) -> Iterable[tuple[type[Message], Handler]]:
    for group in handlers:
        yield from group.by_event.items()


class StreamConsumer:
    """One durable consumer."""

    def __init__(
        self,
        jetstream: JetStream,
        service: str,
        stream: str,
        subjects: Mapping[str, tuple[type[Message], Handler]],
        ladder: Ladder,
    ) -> None:
        self.name = f"{service}-{stream.lower()}"
        self._jetstream = jetstream
        self._stream = stream
        self._subjects = subjects
        self._ladder = ladder
        self._lanes = [asyncio.Lock() for _ in range(ladder.lanes)]
        self._in_hand: dict[asyncio.Task[None], Msg] = {}
        self._space = asyncio.Event()
        self._feed = Supervised(f"{self.name} feed", self._consume)
        self._keeper = Supervised(f"{self.name} keeper", self._keep, pause=ladder.ack_wait / 2)

    def start(self) -> None:
        self._feed.start()
        self._keeper.start()

    async def stop(self, grace: float) -> None:
        await self._feed.stop()
        if self._in_hand:
            _, late = await asyncio.wait(self._in_hand, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._keeper.stop()

    async def _consume(self) -> None:
        await self._jetstream.ready()
        await deadletter.declare(self._jetstream)  # before anything can die
        async for message in Feed(self._jetstream, self._stream, self._bind).messages(self._room):
            task = asyncio.create_task(self._handle(message))
            self._in_hand[task] = message
            task.add_done_callback(self._done)

    async def _bind(self) -> str:
        config = api.ConsumerConfig(
            name=self.name,
            durable_name=self.name,
            filter_subjects=sorted(self._subjects),
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=self._ladder.ack_wait,
            max_deliver=self._ladder.max_deliver,
            max_ack_pending=10 * self._ladder.in_hand,
        )
        return (await self._jetstream.context.add_consumer(self._stream, config)).name

    async def _room(self) -> int:
        while not (free := self._ladder.in_hand - len(self._in_hand)) > 0:
            self._space.clear()
            await self._space.wait()
        return free

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._space.set()
        if not task.cancelled() and (error := task.exception()):
            # The answer to the bus could not be sent; it delivers again.
            log.info("delivery not answered", consumer=self.name, error=type(error).__name__)

    async def _keep(self) -> None:
        # Runs at every half of ack_wait: what is still in hand is not delivered to another process.
        for message in list(self._in_hand.values()):
            with suppress(nats.errors.Error):
                await message.in_progress()

    async def _handle(self, message: Msg) -> None:
        try:
            envelope = open_envelope(message.headers)
            event_type, handler = self._subjects[message.subject]
            event = event_type.FromString(message.data)
        except (ValueError, KeyError, DecodeError) as error:
            await self._terminate(message, f"undecodable: {error}", "undecodable")
            return
        delivery = Delivery(
            envelope.id, message.subject, envelope.occurred_at, message.metadata.num_delivered, self.name
        )
        try:
            # The lane is left before the bus is answered: after an outage each answer may take its whole timeout.
            async with self._lanes[crc32(envelope.subject.encode()) % len(self._lanes)]:
                failure = await self._attempt(message, event, handler, delivery)
            await self._answer(message, delivery, failure)
        except asyncio.CancelledError:
            with suppress(nats.errors.Error):
                await message.nak()
            raise

    async def _attempt(self, message: Msg, event: Message, handler: Handler, delivery: Delivery) -> Exception | None:
        name = f"process {message.subject}"
        with telemetry.span_under(message.headers or {}, name, SpanKind.CONSUMER, self._about(delivery)):
            try:
                await handler(event, delivery)
            except Exception as error:  # noqa: BLE001 whatever a handler raises: the event is not lost, and stops nobody
                return error
        LAG.labels(self.name, message.subject).observe((datetime.now(UTC) - delivery.occurred_at).total_seconds())
        return None

    async def _answer(self, message: Msg, delivery: Delivery, failure: Exception | None) -> None:
        match failure:
            case None:
                await self._acknowledge(message, "done")
            case AlreadyHandled():
                await self._acknowledge(message, "repeated")
            case Reject():
                await self._terminate(message, failure.reason, "rejected")
            case _:
                await self._retry(message, delivery, failure)

    def _about(self, delivery: Delivery) -> dict[str, str]:
        return {
            "messaging.system": "nats",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._stream,
            "messaging.consumer.group.name": self.name,
            "messaging.message.id": str(delivery.event_id),
        }

    async def _acknowledge(self, message: Msg, outcome: str) -> None:
        self._count(message, outcome)
        # Waited for: until the server has it, the event would come again.
        await message.ack_sync(timeout=ACK_TIMEOUT_S)

    async def _retry(self, message: Msg, delivery: Delivery, error: Exception) -> None:
        reason = getattr(error, "reason", None) or type(error).__name__
        about = {"consumer": self.name, "subject": delivery.subject, "event_id": str(delivery.event_id)}
        if delivery.attempt >= self._ladder.max_deliver:
            log.error("event given up", **about, attempt=delivery.attempt, reason=reason, exc_info=error)
            await self._terminate(message, f"attempt {delivery.attempt}: {reason}", "exhausted")
            return
        pause = self._ladder.pause(delivery.attempt)
        log.warning("event failed", **about, attempt=delivery.attempt, reason=reason, again_in=pause, exc_info=error)
        self._count(message, "retried")
        await message.nak(delay=pause)

    async def _terminate(self, message: Msg, reason: str, outcome: str) -> None:
        self._count(message, outcome)
        log.warning("event to the dead letters", consumer=self.name, subject=message.subject, reason=reason)
        # With the reason, which the advisory carries to the dead letters; the client library's term() has none.
        await self._jetstream.client.request(message.reply, b"+TERM " + reason.encode(), timeout=ACK_TIMEOUT_S)

    def _count(self, message: Msg, outcome: str) -> None:
        HANDLED.labels(self.name, message.subject, outcome).inc()
