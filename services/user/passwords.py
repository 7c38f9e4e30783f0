"""Password hashing: argon2id in a bounded pool of threads, with the hashes of an older house still understood."""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.user.domain.errors import SignInBusy
from services.user.domain.passwords import normalised

# OWASP Password Storage: 19 MiB, two passes. 46 ms here, where bcrypt of cost 12 takes 273 ms.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
# One thread a core keeps signing in from starving the calls of those who are signed in.
WORKERS = os.cpu_count() or 1
# Waiting longer than this many hashes helps nobody: 20 are about half a second.
QUEUE = 20
# bcrypt never looked at more, and today refuses it.
BCRYPT_LENGTH = 72

_T = TypeVar("_T")


class HashPool:
    """Hashes passwords, keyed with a pepper that no database dump holds."""

    def __init__(self, pepper: bytes, *, workers: int = WORKERS, queue: int = QUEUE) -> None:
        self._pepper = pepper
        self._argon2 = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._room = workers + queue
        # Verified against where there is no account, so that an unknown address takes as long as a wrong password.
        self._nobody = self._argon2.hash(os.urandom(32))

    async def hash(self, password: str) -> str:
        """An argon2id hash in PHC form."""
        return await self._run(lambda: self._argon2.hash(self._keyed(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` made the hash, argon2id or bcrypt."""
        if stored is not None and stored.startswith("$2"):
            return await self._run(lambda: _verify_bcrypt(stored, password))
        matches = await self._run(lambda: self._verify_argon2(stored or self._nobody, password))
        return matches and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash is of another kind, or of weaker parameters."""
        return stored.startswith("$2") or self._argon2.check_needs_rehash(stored)

    async def _run(self, work: Callable[[], _T]) -> _T:
        if self._room <= 0:
            raise SignInBusy(retry_after=1)
        self._room -= 1
        try:
            # Shielded: a caller who hangs up does not make room, because the thread goes on.
            task = asyncio.get_running_loop().run_in_executor(self._executor, work)
        except BaseException:
            self._room += 1
            raise
        task.add_done_callback(self._leave)
        return await asyncio.shield(task)

    def _leave(self, _done: asyncio.Future[_T]) -> None:
        self._room += 1

    def _keyed(self, password: str) -> bytes:
        return base64.b64encode(hmac.digest(self._pepper, normalised(password).encode(), "sha256"))

    def _verify_argon2(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, self._keyed(password))
        except (VerificationError, InvalidHashError):
            return False


def _verify_bcrypt(stored: str, password: str) -> bool:
    try:
        return bcrypt.checkpw(password.encode()[:BCRYPT_LENGTH], stored.encode())
    except ValueError:
        return False
