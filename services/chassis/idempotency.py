"""Idempotency: a repeated request is answered from the first one's answer. PostgreSQL is the truth, Redis the short cut."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from services.chassis.cache import Cache
from services.chassis.crypto import BlindIndex, FieldCipher, Place
from services.chassis.database import Database, WriteConnection
from services.chassis.errors import ChassisRefusal
from services.chassis.ids import new_id
from services.chassis.tables import idempotency

KEPT = timedelta(hours=24)
LOCK = timedelta(seconds=30)
STARTED, DONE = "STARTED", "DONE"
HASH = 16


@dataclass(frozen=True, slots=True)
class Begun:
    """The caller does the work. `intention` is the same for every attempt under the key; `intended_id()` hands it out."""

    intention: UUID
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """The work was done; this is its answer, byte for byte."""

    answer: bytes


class IdempotencyStore:
    """The keys of one service. `scope` is the caller, so that nobody meets another one's keys."""

    def __init__(self, database: Database, cache: Cache, cipher: FieldCipher, index: BlindIndex) -> None:
        """Answers are people's data and are stored encrypted; requests are stored as a keyed hash only, since a plain one
        could be tried against guessed passwords."""
        self._database = database
        self._cache = cache
        self._cipher = cipher
        self._index = index

    async def begin(
        self, scope: str, key: str, method: str, request: bytes, *, lock: timedelta = LOCK
    ) -> Begun | Replay:
        """Takes the key for `lock`, or finds the answer. Raises IDEMPOTENCY_KEY_REUSED for another request under the same
        key, IDEMPOTENCY_IN_PROGRESS while the first one is worked on. A key whose holder died is taken over."""
        scope, digest = self._hidden(scope), self._index.of("idempotency", method.encode() + b"\0" + request)
        if answer := await self._recall(scope, key, digest):
            return answer
        async with self._database.write() as tx:
            intention = await tx.scalar(_claim(scope, key, method, digest, lock))
            if intention is not None:
                return Begun(intention, 1)
            return await self._meet(tx, scope, key, digest, lock)

    async def finish(self, scope: str, key: str, answer: bytes) -> bytes:
        """Stores the answer and gives back the one that stands: where the lock ran out and another attempt was quicker,
        that is the other's."""
        scope = self._hidden(scope)
        place = _place(scope, key)
        sealed = self._cipher.encrypt(answer, place)
        statement = (
            update(idempotency)
            .where(_is(scope, key))
            .values(state=DONE, answer=func.coalesce(idempotency.c.answer, sealed))
            .returning(idempotency.c.answer, idempotency.c.request_hash)
        )
        async with self._database.write() as tx:
            row = (await tx.execute(statement)).first()
        if row is None:  # purged meanwhile: a call of more than a day
            return answer
        await self._cache.set(_cache_key(scope, key), row.request_hash + row.answer, KEPT)
        return self._cipher.decrypt(row.answer, place)

    async def abandon(self, scope: str, key: str, attempt: int) -> None:
        """Gives the key back after a failed attempt; the next one begins at once, with the same intention. An attempt that
        was overtaken gives nothing back: the key is its successor's."""
        unlock = (
            update(idempotency)
            .where(_is(self._hidden(scope), key), idempotency.c.state == STARTED, idempotency.c.attempts == attempt)
            .values(locked_until=func.now())
        )
        async with self._database.write() as tx:
            await tx.execute(unlock)

    def _hidden(self, scope: str) -> str:
        """An anonymous caller's scope is a network address, which is personal data."""
        return self._index.of("idempotency-scope", scope).hex()

    async def _recall(self, scope: str, key: str, digest: bytes) -> Replay | None:
        kept = await self._cache.get(_cache_key(scope, key))
        if kept is None:
            return None
        _same(kept[:HASH], digest)
        return Replay(self._cipher.decrypt(kept[HASH:], _place(scope, key)))

    async def _meet(self, tx: WriteConnection, scope: str, key: str, digest: bytes, lock: timedelta) -> Begun | Replay:
        row = await _locked_row(tx, scope, key)
        _same(row.request_hash, digest)
        if row.answer is not None:
            await self._cache.set(_cache_key(scope, key), row.request_hash + row.answer, KEPT)
            return Replay(self._cipher.decrypt(row.answer, _place(scope, key)))
        if row.wait > 0:
            raise ChassisRefusal("IDEMPOTENCY_IN_PROGRESS", retry_after=float(row.wait))
        taken = {"locked_until": func.now() + literal(lock), "attempts": idempotency.c.attempts + 1}
        await tx.execute(update(idempotency).where(_is(scope, key)).values(taken))
        return Begun(row.intention, row.attempts + 1)


def _claim(scope: str, key: str, method: str, digest: bytes, lock: timedelta) -> Any:
    values = {
        "scope": scope,
        "key": key,
        "method": method,
        "request_hash": digest,
        "intention": new_id(),
        "state": STARTED,
        "locked_until": func.now() + literal(lock),
    }
    return insert(idempotency).values(values).on_conflict_do_nothing().returning(idempotency.c.intention)


async def _locked_row(tx: WriteConnection, scope: str, key: str) -> Row[Any]:
    # By the database's clock alone: the processes' clocks may differ.
    wait = func.extract("epoch", idempotency.c.locked_until - func.clock_timestamp()).label("wait")
    columns = (
        idempotency.c.request_hash,
        idempotency.c.answer,
        idempotency.c.intention,
        idempotency.c.attempts,
        wait,
    )
    return (await tx.execute(select(*columns).where(_is(scope, key)).with_for_update())).one()


def _is(scope: str, key: str) -> Any:
    return and_(idempotency.c.scope == scope, idempotency.c.key == key)


def _same(first: bytes, second: bytes) -> None:
    if not hmac.compare_digest(first, second):
        raise ChassisRefusal("IDEMPOTENCY_KEY_REUSED")


def _place(scope: str, key: str) -> Place:
    return Place("idempotency", "answer", f"{scope}/{key}")


def _cache_key(scope: str, key: str) -> str:
    return f"idempotency:{scope}:{key}"
