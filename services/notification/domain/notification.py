"""What people are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What a notification tells; the contract's `Notification.Kind`."""

    WELCOME = "WELCOME"
    EMAIL_VERIFICATION = "EMAIL_VERIFICATION"
    PASSWORD_RESET = "PASSWORD_RESET"
    BOOKING_CONFIRMED = "BOOKING_CONFIRMED"
    BOOKING_RECEIVED = "BOOKING_RECEIVED"
    BOOKING_CANCELLED = "BOOKING_CANCELLED"
    BOOKING_EXPIRED = "BOOKING_EXPIRED"
    PAYMENT_REFUNDED = "PAYMENT_REFUNDED"
    EMAIL_CHANGE = "EMAIL_CHANGE"
    ACCOUNT_EXISTS = "ACCOUNT_EXISTS"
    SESSION_COMPROMISED = "SESSION_COMPROMISED"

    @property
    def topic(self) -> Topic:
        """The switch it falls under."""
        return _TOPICS.get(self, Topic.ACCOUNT)


class Topic(StrEnum):
    """What a user can switch on and off, ACCOUNT apart: that is always told by e-mail."""

    ACCOUNT = "account"
    BOOKINGS = "bookings"
    PAYMENTS = "payments"
    MESSAGES = "messages"
    REVIEWS = "reviews"
    POSTS = "posts"


_TOPICS = {
    Kind.BOOKING_CONFIRMED: Topic.BOOKINGS,
    Kind.BOOKING_RECEIVED: Topic.BOOKINGS,
    Kind.BOOKING_CANCELLED: Topic.BOOKINGS,
    Kind.BOOKING_EXPIRED: Topic.BOOKINGS,
    Kind.PAYMENT_REFUNDED: Topic.PAYMENTS,
}


@dataclass(frozen=True, slots=True)
class Money:
    """Minor units and an ISO 4217 code."""

    minor: int
    currency: str


Value = str | int | date | Money
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody is to be told something: what an event means for one recipient. `values` fill the text; no name, address
    or secret is among them."""

    user_id: UUID
    kind: Kind
    values: Values = field(default_factory=dict)
    booking_id: UUID | None = None
    property_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """A notice that was taken in. `read_at` is None while it is unread."""

    notification_id: UUID
    user_id: UUID
    kind: Kind
    values: Values
    booking_id: UUID | None
    property_id: UUID | None
    created_at: datetime
    read_at: datetime | None
