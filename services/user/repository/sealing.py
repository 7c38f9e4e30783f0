"""How personal columns are written: sealed, and findable by a keyed digest where they must be."""

from __future__ import annotations

from uuid import UUID

from services.chassis.crypto import BlindIndex, FieldCipher, Place
from services.user.domain.emails import canonical


class Sealer:
    """Seals values to their column and row, so that a value copied elsewhere does not open."""

    def __init__(self, cipher: FieldCipher, index: BlindIndex) -> None:
        self._cipher = cipher
        self._index = index

    def seal(self, column: str, row: UUID, value: str) -> bytes:
        """The value, encrypted. `column` is "table.column"."""
        return self._cipher.encrypt(value.encode(), _place(column, row))

    def open(self, column: str, row: UUID, sealed: bytes) -> str:
        """The value again. Raises DecryptionFailed for a value of another column or row."""
        return self._cipher.decrypt(sealed, _place(column, row)).decode()

    def email_index(self, email: str) -> bytes:
        """What an e-mail address is found by; equal for all ways to write one mailbox."""
        return self._index.of("email", canonical(email))

    def address_index(self, address: str) -> bytes:
        """What a network address is found by."""
        return self._index.of("address", address)

    def guard_index(self, subject: str) -> bytes:
        """What attempts are counted under; a subject names people."""
        return self._index.of("guard", subject)


def _place(column: str, row: UUID) -> Place:
    table, _, name = column.partition(".")
    return Place(table, name, str(row))
