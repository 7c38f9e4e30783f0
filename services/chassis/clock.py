"""Time as a dependency: whatever needs the hour is handed a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """The system's clock."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock(Clock):
    """A clock that stands still until it is moved; for tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Moves the clock; a negative step is allowed, since real clocks step back, too."""
        self._now += by
