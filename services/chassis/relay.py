"""The relay: outbox rows to JetStream, in order for each aggregate, at least once; any number of relays may run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import nats.errors
import structlog
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError
from opentelemetry.trace import SpanKind
from sqlalchemy import Row, Select, func, literal, select, update
from sqlalchemy.engine import make_url

from services.chassis import telemetry
from services.chassis.cloudevent import TRACEPARENT, Envelope
from services.chassis.database import Database, WriteConnection
from services.chassis.failures import DependencyDown
from services.chassis.jetstream import JetStream
from services.chassis.metrics import counter, gauge, seconds
from services.chassis.outbox import CHANNEL
from services.chassis.supervision import Supervised
from services.chassis.tables import outbox

log = structlog.get_logger(__name__)
PUBLISHED = counter("outbox_published", "Outbox rows published.", ["subject"])
PARKED = counter("outbox_parked", "Outbox rows that can never be published as they are.", ["subject", "reason"])
LAG = seconds("outbox_lag_seconds", "From an event's occurrence to its acknowledgement by the stream.")
OLDEST = gauge("outbox_oldest_pending_seconds", "Age of the oldest outbox row that is not published.")

BATCH = 64
# Where a notification was missed; LISTEN is what wakes the relay within a millisecond.
POLL_S = 1.0
LISTEN_CHECK_S = 5.0
GAUGE_S = 5.0
REFUSED_PAUSE = timedelta(seconds=5)
MESSAGE_TOO_LARGE = 10054
WRONG_STREAM = 10060


@dataclass(frozen=True, slots=True)
class Outcome:
    """How publishing one row ended. Neither published, parked nor refused: the bus was away, and the row waits."""

    id: UUID
    published: bool = False
    parked: str = ""
    refused: bool = False


class Relay:
    """Publishes the outbox of one database."""

    def __init__(self, database: Database, jetstream: JetStream, service: str, *, poll: float = POLL_S) -> None:
        self._database = database
        self._jetstream = jetstream
        self._source = f"//kerya/{service}"
        self._poll = poll
        self._wake = asyncio.Event()
        self._publisher = Supervised("outbox relay", self._publish_for_ever, pause=0.2)
        self._listener = Supervised("outbox listener", self._listen)
        # On its own: the gauge matters most while the publisher waits for the bus.
        self._gauge = Supervised("outbox gauge", self._measure, pause=GAUGE_S)

    async def start(self) -> None:
        self._publisher.start()
        self._listener.start()
        self._gauge.start()

    async def stop(self) -> None:
        """Ends after the batch under way: a row whose publication was not recorded is published again later, and
        recognised."""
        await self._gauge.stop()
        await self._listener.stop()
        await self._publisher.stop()

    async def _listen(self) -> None:
        dsn = make_url(self._database.url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn, timeout=2, server_settings={"application_name": "kerya relay"})
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            self._wake.set()  # for what was committed before we listened
            while True:
                await asyncio.sleep(LISTEN_CHECK_S)
                await connection.execute("SELECT 1", timeout=2)
        finally:
            connection.terminate()

    async def _publish_for_ever(self) -> None:
        while True:
            await self._jetstream.ready()
            self._wake.clear()
            while await self._publish_batch():
                pass
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()

    async def _publish_batch(self) -> int:
        """Publishes the heads; how many rows are settled."""
        async with self._database.write() as tx:
            rows = (await tx.execute(_heads())).all()
            # The rows stay locked meanwhile. The wait is bounded by the publishing timeout, well below the
            # transaction's own.
            outcomes = await asyncio.gather(*(self._publish(row) for row in rows))
            await _record(tx, outcomes)
        return sum(outcome.published or bool(outcome.parked) for outcome in outcomes)

    async def _publish(self, row: Row[Any]) -> Outcome:
        envelope = Envelope(row.id, row.type, self._source, row.aggregate, row.occurred_at)
        headers = envelope.headers()
        try:
            with telemetry.span_under(_carrier(row), f"send {row.subject}", SpanKind.PRODUCER, _about(row)):
                telemetry.inject(headers)
                await self._jetstream.publish(row.stream, row.subject, row.payload, headers)
        except nats.errors.MaxPayloadError:
            return _parked(row, "larger than the bus takes")
        except NoStreamResponseError:
            return await self._without_stream(row)
        except APIError as error:
            return _refused(row, error)
        except (nats.errors.Error, TimeoutError, DependencyDown) as error:
            log.info("bus away", subject=row.subject, error=type(error).__name__)
            return Outcome(row.id)
        PUBLISHED.labels(row.subject).inc()
        LAG.observe((datetime.now(UTC) - row.occurred_at).total_seconds())
        return Outcome(row.id, published=True)

    async def _without_stream(self, row: Row[Any]) -> Outcome:
        # Nobody answers on the subject: no such stream, or a server that is still recovering its streams. Only a server
        # that has recovered can tell, and only the first is for good.
        try:
            await self._jetstream.context.stream_info(row.stream)
        except NotFoundError:
            return _parked(row, f"no stream {row.stream}")
        except (nats.errors.Error, TimeoutError, DependencyDown):
            return Outcome(row.id)
        return Outcome(row.id, refused=True)

    async def _measure(self) -> None:
        async with self._database.read() as connection:
            age = await connection.scalar(
                select(func.extract("epoch", func.now() - func.min(outbox.c.occurred_at))).where(_pending(outbox))
            )
        OLDEST.set(float(age or 0))


def _pending(rows: Any) -> Any:
    return rows.c.published_at.is_(None) & rows.c.parked_at.is_(None)


def _heads() -> Select[Any]:
    """The first pending row of each aggregate, locked, without those another relay has.

    Never "everything after the last id I saw": ids are given before commits, and half of the events were lost so when
    it was measured. The sub-query, unlike NOT EXISTS, is one index look-up a row whatever the planner believes.
    """
    earlier = outbox.alias()
    first = (
        select(func.min(earlier.c.seq))
        .where(earlier.c.aggregate == outbox.c.aggregate, _pending(earlier))
        .scalar_subquery()
    )
    return (
        select(outbox)
        .where(_pending(outbox), outbox.c.not_before <= func.now(), outbox.c.seq == first)
        .order_by(outbox.c.seq)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=outbox)
    )


async def _record(tx: WriteConnection, outcomes: Sequence[Outcome]) -> None:
    if published := [outcome.id for outcome in outcomes if outcome.published]:
        await tx.execute(update(outbox).where(outbox.c.id.in_(published)).values(published_at=func.now()))
    if refused := [outcome.id for outcome in outcomes if outcome.refused]:
        later = func.now() + literal(REFUSED_PAUSE)
        await tx.execute(update(outbox).where(outbox.c.id.in_(refused)).values(not_before=later))
    for outcome in outcomes:
        if outcome.parked:
            parked = {"parked_at": func.now(), "parked_reason": outcome.parked}
            await tx.execute(update(outbox).where(outbox.c.id == outcome.id).values(parked))


def _parked(row: Row[Any], reason: str) -> Outcome:
    PARKED.labels(row.subject, reason).inc()
    log.error("outbox row parked", event_id=str(row.id), subject=row.subject, reason=reason)
    return Outcome(row.id, parked=reason)


def _refused(row: Row[Any], error: APIError) -> Outcome:
    if error.err_code == MESSAGE_TOO_LARGE:
        return _parked(row, "larger than the stream takes")
    if error.err_code == WRONG_STREAM:
        return _parked(row, "the subject belongs to another stream")
    log.warning("outbox row refused", subject=row.subject, code=error.err_code, description=error.description)
    return Outcome(row.id, refused=True)


def _carrier(row: Row[Any]) -> dict[str, str]:
    return {TRACEPARENT: row.traceparent} if row.traceparent else {}


def _about(row: Row[Any]) -> dict[str, str]:
    return {
        "messaging.system": "nats",
        "messaging.operation.type": "send",
        "messaging.destination.name": row.stream,
        "messaging.message.id": str(row.id),
    }
