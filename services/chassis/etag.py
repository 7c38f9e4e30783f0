"""Etags of contested resources, from the row's version (AIP-154)."""

from __future__ import annotations

from services.chassis.errors import ChassisRefusal


def etag(version: int) -> str:
    """The etag of a version, quoted as HTTP wants it."""
    return f'"{version:x}"'


def require_match(given: str, version: int) -> None:
    """Refuses with ETAG_MISMATCH where `given` is neither empty, "*" nor the etag of `version`."""
    if given not in ("", "*", etag(version)):
        raise ChassisRefusal("ETAG_MISMATCH")
