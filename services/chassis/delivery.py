"""One delivery of one event, and the two ways to end it other than by an effect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a handler knows of a delivery beside the event. `attempt` counts from 1; `occurred_at` is aware UTC."""

    event_id: UUID
    subject: str
    occurred_at: datetime
    attempt: int
    consumer: str


class AlreadyHandled(Exception):
    """The event had its effect before; the consumer acknowledges it."""


class Reject(Exception):
    """The event can never be handled. It goes to the dead letters at once, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
