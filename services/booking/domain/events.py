"""What happened, in the past tense; `mapper.event` gives each its message of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.booking.domain.booking import Booking
from services.booking.domain.payment import Payment, Refund
from services.booking.domain.stay import Stay


@dataclass(frozen=True, slots=True)
class BookingHeld:
    booking: Booking


@dataclass(frozen=True, slots=True)
class BookingConfirmed:
    booking: Booking


@dataclass(frozen=True, slots=True)
class BookingCancelled:
    booking: Booking


@dataclass(frozen=True, slots=True)
class BookingExpired:
    booking: Booking


@dataclass(frozen=True, slots=True)
class BookingCompleted:
    booking: Booking


class NightsCause(StrEnum):
    """What nights are taken for; the names are the contract's."""

    BOOKING = "BOOKING"
    BLOCK = "BLOCK"
    IMPORT = "IMPORT"


@dataclass(frozen=True, slots=True)
class Taking:
    """Nights in somebody's hands. `holder_id` is the booking or the block; `version` grows with every change."""

    property_id: UUID
    nights: Stay
    cause: NightsCause
    holder_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class NightsTaken:
    taking: Taking


@dataclass(frozen=True, slots=True)
class NightsReleased:
    taking: Taking


@dataclass(frozen=True, slots=True)
class PaymentSucceeded:
    booking: Booking
    payment: Payment


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    booking: Booking
    payment: Payment
    refund: Refund


Event = (
    BookingHeld
    | BookingConfirmed
    | BookingCancelled
    | BookingExpired
    | BookingCompleted
    | NightsTaken
    | NightsReleased
    | PaymentSucceeded
    | PaymentRefunded
)
