"""Identifiers: UUIDv7 in the database, TypeIDs (https://github.com/jetify-com/typeid, spec 0.3) in the contract."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from services.chassis.errors import invalid

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SUFFIX_LENGTH = 26
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]

_intention: ContextVar[UUID | None] = ContextVar("intention", default=None)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): milliseconds, then their fraction in 12 bits, then 62 random bits."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62))


def intended_id() -> UUID:
    """The id of what this call creates: the same at every retry under one idempotency key, a new one without a key."""
    return _intention.get() or new_id()


@contextmanager
def intention(identifier: UUID) -> Iterator[None]:
    """Within the block `intended_id()` answers `identifier`."""
    token = _intention.set(identifier)
    try:
        yield
    finally:
        _intention.reset(token)


def to_typeid(prefix: str, identifier: UUID) -> str:
    """The public form: `booking_01k2…`."""
    number = identifier.int
    # Ten bits a step: a TypeID is written for every id of every answer.
    return f"{prefix}_" + "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def from_typeid(prefix: str, text: str) -> UUID:
    """The uuid inside. Raises INVALID_REQUEST, naming the field `<prefix>_id`, for another prefix or a malformed text."""
    head, _, suffix = text.rpartition("_")
    if head != prefix or len(suffix) != SUFFIX_LENGTH or suffix[0] > "7":
        raise _malformed(prefix)
    number = 0
    try:
        for letter in suffix:
            number = number << 5 | _VALUES[letter]
    except KeyError:
        raise _malformed(prefix) from None
    return UUID(int=number)


def _malformed(prefix: str) -> Exception:
    return invalid(f"{prefix}_id", f"must be {prefix}_ and {SUFFIX_LENGTH} characters of the TypeID alphabet")
