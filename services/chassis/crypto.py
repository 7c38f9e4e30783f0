"""Personal data at rest: envelope encryption with keys that rotate, and an index to find an encrypted value by."""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = b"\x01"
NONCE: Final = 12
TAG: Final = 16
DATA_KEY: Final = 32
WRAPPED: Final = NONCE + DATA_KEY + TAG
INDEX_BYTES: Final = 16


class DecryptionFailed(Exception):
    """The value was changed, moved to another row, or its key is gone. Never says more."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lives. It is bound to it: a ciphertext copied to another row or column cannot be read there."""

    table: str
    column: str
    row: str

    def authenticated(self, key_id: str = "") -> bytes:
        """The additional authenticated data. Parts carry their length, so that no two places read alike."""
        return b"".join(
            len(part).to_bytes(2) + part for part in map(str.encode, (self.table, self.column, self.row, key_id))
        )


class FieldCipher:
    """AES-256-GCM in two layers: a fresh data key encrypts the value, the current master key wraps the data key. Rotation
    re-wraps: it exchanges the outer layer without ever seeing the value.

    Layout: version, length of the key id, key id, wrapped data key (nonce, key, tag), nonce, ciphertext with tag.
    """

    def __init__(self, current: str, keys: Mapping[str, bytes]) -> None:
        """`keys` are 32 bytes each, by key id of at most 255 ASCII characters; `current` encrypts, all of them decrypt."""
        if current not in keys:
            raise ValueError(f"no key {current!r}")
        self._current = current
        self._keys = {key_id: AESGCM(_of_length(key_id, key)) for key_id, key in keys.items()}

    @classmethod
    def from_json(cls, text: bytes) -> FieldCipher:
        """From field_keys.json: `{"current": "k1", "keys": {"k1": base64 of 32 bytes}}`."""
        found = json.loads(text)
        keys = {key_id: base64.b64decode(key, validate=True) for key_id, key in found["keys"].items()}
        return cls(found["current"], keys)

    def encrypt(self, value: bytes, place: Place) -> bytes:
        """The value, to be stored in that place and nowhere else."""
        data_key, nonce = AESGCM.generate_key(256), os.urandom(NONCE)
        sealed = AESGCM(data_key).encrypt(nonce, value, place.authenticated())
        return self._header(self._current) + self._wrap(data_key, place) + nonce + sealed

    def decrypt(self, stored: bytes, place: Place) -> bytes:
        """The value. Raises DecryptionFailed."""
        key_id, wrapped, rest = _split(stored)
        data_key = self._unwrap(key_id, wrapped, place)
        try:
            return AESGCM(data_key).decrypt(rest[:NONCE], rest[NONCE:], place.authenticated())
        except (InvalidTag, ValueError):
            raise DecryptionFailed from None

    def needs_rewrap(self, stored: bytes) -> bool:
        """Whether the value is still under an older key. Raises DecryptionFailed for what is no ciphertext."""
        return _split(stored)[0] != self._current

    def rewrap(self, stored: bytes, place: Place) -> bytes:
        """The same value under the current key. Raises DecryptionFailed."""
        key_id, wrapped, rest = _split(stored)
        return self._header(self._current) + self._wrap(self._unwrap(key_id, wrapped, place), place) + rest

    def _header(self, key_id: str) -> bytes:
        name = key_id.encode("ascii")
        return VERSION + len(name).to_bytes(1) + name

    def _wrap(self, data_key: bytes, place: Place) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._keys[self._current].encrypt(nonce, data_key, place.authenticated(self._current))

    def _unwrap(self, key_id: str, wrapped: bytes, place: Place) -> bytes:
        master = self._keys.get(key_id)
        if master is None:
            raise DecryptionFailed
        try:
            return master.decrypt(wrapped[:NONCE], wrapped[NONCE:], place.authenticated(key_id))
        except (InvalidTag, ValueError):
            raise DecryptionFailed from None


def _of_length(key_id: str, key: bytes) -> bytes:
    if len(key) != DATA_KEY:
        raise ValueError(f"key {key_id!r} must have {DATA_KEY} bytes")
    return key


def _split(stored: bytes) -> tuple[str, bytes, bytes]:
    if len(stored) < 2 or stored[:1] != VERSION:
        raise DecryptionFailed
    start = 2 + stored[1]
    name, wrapped, rest = stored[2:start], stored[start : start + WRAPPED], stored[start + WRAPPED :]
    if len(rest) < NONCE + TAG or not name.isascii():
        raise DecryptionFailed
    return name.decode("ascii"), wrapped, rest


class BlindIndex:
    """Finds an encrypted value by equality: a keyed hash beside the ciphertext, useless without the key."""

    def __init__(self, key: bytes) -> None:
        """`key` has 32 bytes and is not one of the cipher's."""
        self._key = _of_length("blind index", key)

    def of(self, field: str, value: str | bytes) -> bytes:
        """16 bytes for a value in its normal form; equal values of one field give equal bytes, of two fields never."""
        text = value.encode() if isinstance(value, str) else value
        return hmac.digest(self._key, len(field).to_bytes(2) + field.encode() + text, "sha256")[:INDEX_BYTES]
