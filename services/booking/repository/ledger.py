"""The ledger: rows are added, never changed."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from services.booking.domain.ledger import Transfer
from services.booking.tables import ledger_entry as table
from services.chassis.database import ReadConnection, WriteConnection


async def post(tx: WriteConnection, transfer: Transfer) -> None:
    """Writes a transfer. The same source a second time raises IntegrityError: money moves once."""
    rows = [
        {
            "source": transfer.source,
            "source_id": transfer.source_id,
            "line": line,
            "booking_id": transfer.booking_id,
            "account": entry.account,
            "owner_id": entry.owner_id,
            "amount_minor": entry.amount.minor,
            "currency": entry.amount.currency,
        }
        for line, entry in enumerate(transfer.entries)
    ]
    if rows:
        await tx.execute(insert(table), rows)


async def imbalances(conn: ReadConnection) -> list[tuple[str, int]]:
    """Currencies whose entries do not sum to zero, with the difference; none, unless rows were tampered with."""
    difference = func.sum(table.c.amount_minor)
    statement = select(table.c.currency, difference).group_by(table.c.currency).having(difference != 0)
    return [(currency, int(minor)) for currency, minor in await conn.execute(statement)]
