"""The proof of the ledger: in every currency all entries sum to zero."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.booking.repository import ledger
from services.chassis.database import Database
from services.chassis.metrics import gauge

log = structlog.get_logger(__name__)
IMBALANCES = gauge("ledger_imbalances", "Currencies whose ledger entries do not sum to zero.")


@dataclass(frozen=True)
class ProveLedger:
    """Proves the ledger, and says so where it fails."""

    database: Database

    async def __call__(self) -> None:
        """One proof."""
        async with self.database.read() as conn:
            wrong = await ledger.imbalances(conn)
        IMBALANCES.set(len(wrong))
        for currency, minor in wrong:
            log.error("ledger does not balance", currency=currency, difference_minor=minor)
