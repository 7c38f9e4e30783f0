"""A circuit breaker: after failures in a row it answers at once, and lets one call through now and then to look."""

from __future__ import annotations

import time

from services.chassis.failures import DependencyDown


class Breaker:
    """Opens after `threshold` failures in a row; while open, one call per `pause` seconds goes through as a probe."""

    def __init__(self, name: str, threshold: int = 5, pause: float = 1.0) -> None:
        self._name = name
        self._threshold = threshold
        self._pause = pause
        self._failures = 0
        self._next_probe = 0.0

    def check(self) -> None:
        """Raises DependencyDown while open; otherwise the call may be made, and its end must be reported."""
        if self._failures < self._threshold:
            return
        now = time.monotonic()
        if now < self._next_probe:
            raise DependencyDown(self._name)
        self._next_probe = now + self._pause

    def succeeded(self) -> None:
        """Closes the breaker."""
        self._failures = 0

    def failed(self) -> None:
        """Counts a failure of the dependency itself, not a refusal by it."""
        self._failures += 1
        if self._failures == self._threshold:
            self._next_probe = time.monotonic() + self._pause
