"""Secrets, read from files: what an orchestrator mounts and what no environment dump shows."""

from __future__ import annotations

import re
from pathlib import Path

NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")


class Secrets:
    """The files of one directory, read again at every call, so that a rotated secret is seen without a restart."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> bytes:
        """The secret's bytes without surrounding white space. Raises ValueError for a name that is no file name,
        FileNotFoundError where it is absent."""
        if not NAME.fullmatch(name):
            raise ValueError(f"not a secret's name: {name!r}")
        return (self._directory / name).read_bytes().strip()

    def read_key(self, name: str) -> bytes:
        """A 32-byte key, kept as hexadecimal text. Raises ValueError where it is shorter or longer."""
        key = bytes.fromhex(self.read(name).decode("ascii"))
        if len(key) != 32:
            raise ValueError(f"{name} must hold 32 bytes, it holds {len(key)}")
        return key
