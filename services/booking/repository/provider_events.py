"""What providers reported, each event once."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import RowMapping, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from services.booking.domain.money import Money
from services.booking.domain.payment import ProviderEvent, ProviderEventKind
from services.booking.tables import provider_event as table
from services.chassis.database import ReadConnection, WriteConnection

# An event that cannot be applied is tried this often, then left for a person to look at.
MOST_ATTEMPTS = 20


async def keep(tx: WriteConnection, event: ProviderEvent, traceparent: str) -> bool:
    """Keeps an event, and the trace that it came in; False where it was kept before."""
    statement = (
        insert(table)
        .values(
            event_id=event.event_id,
            type=event.type,
            kind=event.kind,
            payment_id=event.payment_id,
            refund_id=event.refund_id,
            intent_id=event.intent_id,
            amount_minor=event.amount and event.amount.minor,
            currency=event.amount and event.amount.currency,
            traceparent=traceparent,
        )
        .on_conflict_do_nothing()
        .returning(table.c.event_id)
    )
    return (await tx.execute(statement)).first() is not None


async def pending(conn: ReadConnection, most: int) -> list[tuple[str, str]]:
    """Ids and traces of events that had no effect yet, the oldest first."""
    statement = (
        select(table.c.event_id, table.c.traceparent)
        .where(table.c.applied_at.is_(None), table.c.attempts < MOST_ATTEMPTS)
        .order_by(table.c.received_at)
        .limit(most)
    )
    return [(row.event_id, row.traceparent) for row in await conn.execute(statement)]


async def lock_pending(tx: WriteConnection, event_id: str) -> ProviderEvent | None:
    """The event, kept from others; None where it had its effect, or somebody else works on it."""
    statement = (
        select(table)
        .where(table.c.event_id == event_id, table.c.applied_at.is_(None))
        .with_for_update(skip_locked=True)
    )
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else _event(row)


async def mark_applied(tx: WriteConnection, event_id: str, problem: str = "") -> None:
    """The event has had its effect; `problem` says why it had none, where somebody should look."""
    await tx.execute(update(table).where(table.c.event_id == event_id).values(applied_at=func.now(), problem=problem))


async def mark_failed(tx: WriteConnection, event_id: str, problem: str) -> None:
    """The event could not be applied this time."""
    changed = {"attempts": table.c.attempts + 1, "problem": problem}
    await tx.execute(update(table).where(table.c.event_id == event_id).values(changed))


async def forget(tx: WriteConnection, kept: timedelta, most: int) -> int:
    """Deletes at most `most` events that had their effect that long ago, and no problem; how many."""
    # Spelled out as in the index, which a parameter would not match.
    old = (table.c.applied_at < func.now() - kept, table.c.problem == literal_column("''"))
    due = select(table.c.event_id).where(*old).limit(most).with_for_update(skip_locked=True)
    return (await tx.execute(delete(table).where(table.c.event_id.in_(due)))).rowcount


def _event(row: RowMapping) -> ProviderEvent:
    minor = row["amount_minor"]
    return ProviderEvent(
        event_id=row["event_id"],
        type=row["type"],
        kind=ProviderEventKind(row["kind"]),
        payment_id=row["payment_id"],
        refund_id=row["refund_id"],
        intent_id=row["intent_id"],
        amount=None if minor is None else Money(minor, row["currency"]),
    )
