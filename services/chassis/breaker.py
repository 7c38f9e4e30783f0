"""A circuit breaker: after failures in a row it answers at once, and lets one call through now and then to look."""

from __future__ import annotations

import time

# The gRPC codes it looks at.
UNAVAILABLE = 14
DEADLINE_EXCEEDED = 4


class Breaker:
    """Opens after `threshold` failures in a row; while open, one call per `pause` seconds goes through as a probe."""

    def __init__(self, name: str, threshold: int = 5, pause: float = 1.0) -> None:
        self._name = name
        self._threshold = threshold
        self._pause = pause
        self._failures = 0
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, probes apart."""
        return self._failures >= self._threshold

    def refuses(self) -> bool:
        """Whether this call is refused; where it is not, it may be made, and its end must be reported."""
        if self._failures < self._threshold:
            return False
        now = time.monotonic()
        if now < self._next_probe:
            return True
        self._next_probe = now + self._pause
        return False

    def check(self) -> None:
        """The same, as an exception: raises DependencyDown for a call that is refused."""
        if self.refuses():
            # Imported where it is used: it knows every engine's driver, and the edge has none of them.
            from services.chassis.failures import DependencyDown

            raise DependencyDown(self._name)

    def succeeded(self) -> None:
        """Closes the breaker."""
        self._failures = 0

    def failed(self) -> None:
        """Counts a failure of the dependency itself, not a refusal by it."""
        self._failures += 1
        if self._failures == self._threshold:
            self._next_probe = time.monotonic() + self._pause

    def record(self, code: int) -> None:
        """Counts the end of a gRPC call. A deadline says nothing: the caller may have given too little time."""
        if code == UNAVAILABLE:
            self.failed()
        elif code != DEADLINE_EXCEEDED:
            self._failures = 0
