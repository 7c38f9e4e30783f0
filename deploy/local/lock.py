"""One supervisor per state directory: a lock the kernel takes back from whoever dies."""

import fcntl
import os
from pathlib import Path
from typing import IO, Self


class AlreadyRunning(Exception):
    """Another supervisor holds the lock; the text is one line for a person."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"kerya is already up (process {pid}); `kerya down` stops it")
        self.pid = pid


class Lock:
    """The file holds the holder's process id, for people and for `kerya down`; the kernel's lock is what counts."""

    def __init__(self, file: IO[str], stale: int | None) -> None:
        self._file = file
        self.stale = stale

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Takes the lock. `stale` is the process that left it behind, if one did. Raises AlreadyRunning."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
        if not _try(file):
            file.close()
            raise AlreadyRunning(_pid(path) or 0)
        stale = _pid(path)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return cls(file, stale)

    def release(self) -> None:
        self._file.truncate(0)
        self._file.close()


def holder(path: Path) -> int | None:
    """The process that holds the lock now."""
    if not path.exists():
        return None
    with path.open() as file:
        return None if _try(file) else _pid(path)


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(path: Path) -> int | None:
    text = path.read_text().strip()
    return int(text) if text.isdigit() else None
