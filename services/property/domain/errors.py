"""Why the property service refuses; each reason is a value of kerya.property.v1.ErrorReason."""

from __future__ import annotations

from typing import ClassVar


class PropertyError(Exception):
    """A refusal; its metadata fills the texts of the contract."""

    reason: ClassVar[str]

    def __init__(self, **metadata: object) -> None:
        super().__init__(self.reason)
        self.metadata = {key: str(value) for key, value in metadata.items()}

    def about(self, property_id: str) -> None:
        """Says which property was refused, by its public id."""
        self.metadata = {"property_id": property_id, **self.metadata}


class PropertyNotFound(PropertyError):
    """There is none, or it is not the caller's to see. Metadata: property_id."""

    reason = "PROPERTY_NOT_FOUND"


class PropertyIncomplete(PropertyError):
    """Publishing needs more. Metadata: missing."""

    reason = "PROPERTY_INCOMPLETE"


class PropertyMustStayComplete(PropertyError):
    """A published property may not lose what publishing needed. Metadata: missing."""

    reason = "PROPERTY_MUST_STAY_COMPLETE"


class PropertyStateInvalid(PropertyError):
    """The state machine has no such step. Metadata: state, action."""

    reason = "PROPERTY_STATE_INVALID"


class CurrencyMismatch(PropertyError):
    """Metadata: field, expected, given."""

    reason = "CURRENCY_MISMATCH"


class CurrencyUnsupported(PropertyError):
    """Metadata: field, currency_code."""

    reason = "CURRENCY_UNSUPPORTED"


class AmountTooFine(PropertyError):
    """Metadata: field, currency_code."""

    reason = "AMOUNT_TOO_FINE"


class AmountInvalid(PropertyError):
    """Metadata: field."""

    reason = "AMOUNT_INVALID"


class StayLimitsInvalid(PropertyError):
    """Metadata: min_nights, max_nights."""

    reason = "STAY_LIMITS_INVALID"


class StayDatesInvalid(PropertyError):
    """Metadata: check_in_date, check_out_date."""

    reason = "STAY_DATES_INVALID"


class TimeZoneUnknown(PropertyError):
    """Metadata: time_zone."""

    reason = "TIME_ZONE_UNKNOWN"
