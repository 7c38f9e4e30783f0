"""Why a booking, a payment or a calendar call fails. Codes and texts are the contract's (error_reason.proto)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from uuid import UUID

from services.booking.domain.stay import Stay


class BookingError(Exception):
    """Base of this service's refusals; `metadata` holds what the texts speak of."""

    reason: ClassVar[str]

    def __init__(self, **metadata: object) -> None:
        super().__init__(self.reason)
        self.metadata = {key: str(value) for key, value in metadata.items()}


class NightsTaken(BookingError):
    """Somebody has a night of the stay. `conflicts` are the nights, `alternatives` up to three free stays nearby."""

    reason = "NIGHTS_TAKEN"

    def __init__(self, property_id: UUID, stay: Stay, conflicts: Sequence[Stay], alternatives: Sequence[Stay]) -> None:
        super().__init__(property_id=property_id, check_in_date=stay.check_in, check_out_date=stay.check_out)
        self.conflicts = tuple(conflicts)
        self.alternatives = tuple(alternatives)


class QuoteExpired(BookingError):
    reason = "QUOTE_EXPIRED"


class QuoteTampered(BookingError):
    reason = "QUOTE_TAMPERED"


class CurrencyMismatch(BookingError):
    reason = "CURRENCY_MISMATCH"


class PastDates(BookingError):
    reason = "PAST_DATES"

    def __init__(self, today: date) -> None:
        super().__init__(today=today)


class DatesReversed(BookingError):
    reason = "DATES_REVERSED"

    def __init__(self, first: date, last: date) -> None:
        super().__init__(first=first, last=last)


class TooFarAhead(BookingError):
    reason = "TOO_FAR_AHEAD"

    def __init__(self, last_date: date) -> None:
        super().__init__(last_date=last_date)


class MinNights(BookingError):
    reason = "MIN_NIGHTS"


class MaxNights(BookingError):
    reason = "MAX_NIGHTS"


class TooManyGuests(BookingError):
    reason = "TOO_MANY_GUESTS"


class PropertyNotFound(BookingError):
    reason = "PROPERTY_NOT_FOUND"


class BookingNotFound(BookingError):
    reason = "BOOKING_NOT_FOUND"


class BookingState(BookingError):
    """The booking's state does not allow the change."""

    reason = "BOOKING_STATE"

    def __init__(self, state: str, change: str) -> None:
        super().__init__(state=state, change=change)


class OwnProperty(BookingError):
    reason = "OWN_PROPERTY"


class TooManyHolds(BookingError):
    reason = "TOO_MANY_HOLDS"


class PaymentRefused(BookingError):
    """The provider does not take it, and would not at another try. Metadata: `provider_code`."""

    reason = "PAYMENT_REFUSED"


class PaymentUnavailable(BookingError):
    """The provider did not answer, or not in time; what was asked may or may not have happened."""

    reason = "PAYMENT_UNAVAILABLE"


class WebhookSignatureInvalid(BookingError):
    reason = "WEBHOOK_SIGNATURE_INVALID"


class WebhookMalformed(BookingError):
    reason = "WEBHOOK_MALFORMED"
