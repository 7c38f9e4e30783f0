"""A notification's way through one channel: QUEUED -> SENDING -> SENT -> DELIVERED, or FAILED.

SENDING is a lease. A worker that dies between handing a message to the provider and writing that down leaves the lease
to run out, and the message is sent again under the same id: at least once, never silently lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Channel(StrEnum):
    """The ways out of the house."""

    EMAIL = "EMAIL"
    PUSH = "PUSH"
    SMS = "SMS"


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


class Failure(StrEnum):
    """Why a delivery was given up; the contract's `Delivery.Failure`."""

    PROVIDER_UNAVAILABLE = "PROVIDER_UNAVAILABLE"
    PROVIDER_REFUSED = "PROVIDER_REFUSED"
    CONTENT_INCOMPLETE = "CONTENT_INCOMPLETE"
    RECIPIENT_UNREACHABLE = "RECIPIENT_UNREACHABLE"
    BOUNCED = "BOUNCED"
    CONTENT_STALE = "CONTENT_STALE"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery. `due_at` is when it is to be worked on next: the next attempt while QUEUED, the end of the lease
    while SENDING. `attempt_count` counts attempts begun and is the fence of the current one."""

    delivery_id: UUID
    notification_id: UUID
    channel: Channel
    state: State
    failure: Failure | None
    attempt_count: int
    due_at: datetime
    updated_at: datetime
    provider_message_id: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a delivery is attempted, and how long it waits in between."""

    max_attempts: int
    first_wait: timedelta
    longest_wait: timedelta
    lease: timedelta

    def wait(self, attempt: int) -> timedelta:
        """The pause after a failed attempt, counted from 1: doubling up to the longest."""
        return min(self.longest_wait, self.first_wait * (1 << min(attempt - 1, 30)))

    def exhausted(self, delivery: Delivery) -> bool:
        """Whether the attempt under way was the last."""
        return delivery.attempt_count >= self.max_attempts


def sent(delivery: Delivery, provider_message_id: str, now: datetime) -> Delivery:
    """The provider took it."""
    return replace(delivery, state=State.SENT, provider_message_id=provider_message_id, updated_at=now)


def given_up(delivery: Delivery, failure: Failure, now: datetime) -> Delivery:
    """Nothing more is tried."""
    return replace(delivery, state=State.FAILED, failure=failure, updated_at=now)


def postponed(delivery: Delivery, patience: Patience, asked: timedelta | None, now: datetime) -> Delivery:
    """The attempt failed for now: queued again, later by the wait or by what the provider asked for, whichever is
    longer; given up after the last attempt."""
    if patience.exhausted(delivery):
        return given_up(delivery, Failure.PROVIDER_UNAVAILABLE, now)
    wait = max(patience.wait(delivery.attempt_count), min(asked or timedelta(), patience.longest_wait))
    return replace(delivery, state=State.QUEUED, due_at=now + wait, updated_at=now)


def reported(delivery: Delivery, bounced: bool, now: datetime) -> Delivery:
    """What the provider says became of it. Reports come late, twice and out of order: only the first word on a delivery
    that was sent counts, and a bounce outweighs a delivery."""
    if bounced and delivery.state in (State.SENDING, State.SENT, State.DELIVERED):
        return given_up(delivery, Failure.BOUNCED, now)
    if not bounced and delivery.state in (State.SENDING, State.SENT):
        return replace(delivery, state=State.DELIVERED, updated_at=now)
    return delivery
