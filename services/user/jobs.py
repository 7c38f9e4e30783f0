"""Periodic work of the user service."""

from __future__ import annotations

from datetime import timedelta

import structlog

from services.chassis.metrics import gauge
from services.user.domain.accounts import KEPT_AFTER_DELETION
from services.user.ports import Work

log = structlog.get_logger(__name__)

BROKEN_LEDGERS = gauge("kerya_points_broken_ledgers", "Points ledgers whose entries do not add up. Must be 0.")


class EraseDeletedAccounts:
    """Erases accounts whose time after deletion is over, and what nobody can use any more."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self) -> None:
        now = self._work.clock.now()
        async with self._work.database.write() as tx:
            erased = await self._work.repository.erasure.erase_accounts(tx, now - KEPT_AFTER_DELETION, now)
        async with self._work.database.write() as tx:
            forgotten = await self._work.repository.erasure.forget(tx, now)
        if erased or forgotten:
            log.info("erased", accounts=erased, rows=forgotten)


class ProvePoints:
    """Proves that every points ledger adds up."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def __call__(self) -> None:
        async with self._work.database.read() as conn:
            broken = await self._work.repository.points.broken(conn)
        BROKEN_LEDGERS.set(len(broken))
        if broken:
            log.error("points ledgers do not add up", users=[str(user_id) for user_id in broken[:20]])


ERASE_EVERY = timedelta(hours=1)
PROVE_EVERY = timedelta(hours=1)
