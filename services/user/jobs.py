"""Periodic work of the user service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from services.chassis.database import WriteConnection
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
        now, erasure = self._work.clock.now(), self._work.repository.erasure
        erased = await self._until_none_left(lambda tx: erasure.erase_accounts(tx, now - KEPT_AFTER_DELETION, now))
        forgotten = await self._until_none_left(lambda tx: erasure.forget(tx, now))
        if erased or forgotten:
            log.info("erased", accounts=erased, rows=forgotten)

    async def _until_none_left(self, step: Callable[[WriteConnection], Awaitable[int]]) -> int:
        """Each step in a transaction of its own, so that none holds its locks for long."""
        total = 0
        while True:
            async with self._work.database.write() as tx:
                done = await step(tx)
            if not done:
                return total
            total += done


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
