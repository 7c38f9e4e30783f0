"""A circuit breaker per upstream: while a service is down, callers hear so at once."""

from __future__ import annotations

import time

UNAVAILABLE = 14
DEADLINE_EXCEEDED = 4


class Breaker:
    """Opens after `threshold` UNAVAILABLE in a row; while open, one call per `pause` seconds goes through as a probe."""

    def __init__(self, threshold: int = 5, pause: float = 1.0) -> None:
        self._threshold = threshold
        self._pause = pause
        self._failures = 0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, probes apart."""
        return self._failures >= self._threshold

    def refuses(self) -> bool:
        """Whether this call is refused; where it is not, its end must be reported by `record`."""
        if self._failures < self._threshold:
            return False
        now = time.monotonic()
        if now < self._next_probe:
            return True
        self._next_probe = now + self._pause
        return False

    def record(self, code: int) -> None:
        """Counts the end of a call. A deadline says nothing: the caller may have given too little time."""
        if code == UNAVAILABLE:
            self._failures += 1
            if self._failures == self._threshold:
                self._next_probe = time.monotonic() + self._pause
        elif code != DEADLINE_EXCEEDED:
            self._failures = 0
