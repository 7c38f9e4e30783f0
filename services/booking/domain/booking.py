"""The booking: its states as a table, and what each change makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.booking.domain.errors import BookingState
from services.booking.domain.money import Money
from services.booking.domain.policy import POLICIES, Party, Policy, Schedule, Settlement, nothing_paid, settle
from services.booking.domain.pricing import Price
from services.booking.domain.quote import Quote
from services.booking.domain.stay import Stay


class State(StrEnum):
    """Where a booking stands; the names are the contract's."""

    REQUESTED = "REQUESTED"
    HELD = "HELD"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    DECLINED = "DECLINED"
    COMPLETED = "COMPLETED"


class Change(StrEnum):
    """What can happen to a booking."""

    ACCEPT = "ACCEPT"
    DECLINE = "DECLINE"
    CONFIRM = "CONFIRM"
    CANCEL = "CANCEL"
    EXPIRE = "EXPIRE"
    COMPLETE = "COMPLETE"


TRANSITIONS: Mapping[tuple[State, Change], State] = {
    (State.REQUESTED, Change.ACCEPT): State.HELD,
    (State.REQUESTED, Change.DECLINE): State.DECLINED,
    (State.REQUESTED, Change.CANCEL): State.CANCELLED,
    (State.REQUESTED, Change.EXPIRE): State.EXPIRED,
    (State.HELD, Change.CONFIRM): State.CONFIRMED,
    (State.HELD, Change.CANCEL): State.CANCELLED,
    (State.HELD, Change.EXPIRE): State.EXPIRED,
    (State.CONFIRMED, Change.CANCEL): State.CANCELLED,
    (State.CONFIRMED, Change.COMPLETE): State.COMPLETED,
}
# A booking has its nights in these states, and in no other.
HAS_NIGHTS = frozenset({State.REQUESTED, State.HELD, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Who ended a booking, when, why, and what it meant in money."""

    by: Party
    at: datetime
    reason: str
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Booking:
    """A client's claim on nights. Every change answers with the next version; nothing is changed in place."""

    booking_id: UUID
    client_id: UUID
    host_id: UUID
    property_id: UUID
    property_title: str
    state: State
    version: int
    schedule: Schedule
    guest_count: int
    price: Price
    policy: Policy
    quote_id: UUID
    terms_version: int
    message: str
    payment_id: UUID
    created_at: datetime
    updated_at: datetime
    hold_expires_at: datetime
    confirmed_at: datetime | None = None
    cancellation: Cancellation | None = None

    @property
    def stay(self) -> Stay:
        """Its nights."""
        return self.schedule.stay

    @property
    def total(self) -> Money:
        """What the client is charged."""
        return self.price.total

    def side_of(self, user_id: UUID) -> Party | None:
        """As whom the user takes part; None for anybody else."""
        if user_id == self.client_id:
            return Party.CLIENT
        return Party.HOST if user_id == self.host_id else None

    def confirm(self, at: datetime) -> Booking:
        """It was paid."""
        return replace(self._moved(Change.CONFIRM, at), confirmed_at=at)

    def expire(self, at: datetime) -> Booking:
        """Its time to be paid is over."""
        return self._moved(Change.EXPIRE, at)

    def complete(self, at: datetime) -> Booking:
        """The stay is over."""
        return self._moved(Change.COMPLETE, at)

    def cancel(self, by: Party, at: datetime, reason: str) -> Booking:
        """Ended early by one side."""
        settlement = self.settle(by, at)
        return replace(self._moved(Change.CANCEL, at), cancellation=Cancellation(by, at, reason, settlement))

    def settle(self, by: Party, at: datetime) -> Settlement:
        """What cancelling at that instant means in money. Refuses where it can no longer be cancelled."""
        self._next(Change.CANCEL)
        if self.confirmed_at is None:
            return nothing_paid(self.total.currency)
        if at >= self.schedule.ends_at:
            raise BookingState(self.state, Change.CANCEL)
        return settle(self.policy, self.price, self.schedule, confirmed_at=self.confirmed_at, at=at, by=by)

    def _moved(self, change: Change, at: datetime) -> Booking:
        return replace(self, state=self._next(change), version=self.version + 1, updated_at=at)

    def _next(self, change: Change) -> State:
        state = TRANSITIONS.get((self.state, change))
        if state is None:
            raise BookingState(self.state, change)
        return state


def hold(
    booking_id: UUID, payment_id: UUID, client_id: UUID, quote: Quote, message: str, at: datetime, lasts: timedelta
) -> Booking:
    """The booking of a quote, its nights held until it is paid."""
    return Booking(
        booking_id=booking_id,
        client_id=client_id,
        host_id=quote.host_id,
        property_id=quote.property_id,
        property_title=quote.property_title,
        state=State.HELD,
        version=1,
        schedule=quote.schedule,
        guest_count=quote.guest_count,
        price=quote.price,
        policy=POLICIES[quote.policy, quote.policy_version],
        quote_id=quote.quote_id,
        terms_version=quote.terms_version,
        message=message,
        payment_id=payment_id,
        created_at=at,
        updated_at=at,
        hold_expires_at=at + lasts,
    )
