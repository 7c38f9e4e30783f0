"""What the use cases need of the world outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from services.booking.domain.payment import Payment, ProviderEvent, Refund
from services.booking.domain.terms import PropertyTerms


class PropertyCatalog(Protocol):
    """The property service, as far as a stay needs it."""

    async def terms(self, property_id: UUID) -> PropertyTerms:
        """The current terms of a published property; PropertyNotFound for any other."""


class IntentState(StrEnum):
    """Where the provider has a payment."""

    OPEN = "OPEN"
    SUCCEEDED = "SUCCEEDED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment, as the provider sees it."""

    intent_id: str
    client_secret: str
    state: IntentState


class RefundOutcome(StrEnum):
    """What the provider says of a refund."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund, as the provider sees it."""

    provider_refund_id: str
    outcome: RefundOutcome


class PaymentProvider(Protocol):
    """Who moves the money. Every call may be made again: the ids of payment and refund are its idempotency keys.

    Raises PaymentUnavailable where the outcome is not known, and PaymentRefused where it will never be done.
    """

    async def open(self, payment: Payment) -> Intent:
        """Opens the payment with the provider; the same one at every call."""

    async def void(self, payment: Payment) -> Intent:
        """Makes the provider refuse the payment from now on; answers with a SUCCEEDED one where the money was first."""

    async def refund(self, refund: Refund, intent_id: str) -> ProviderRefund:
        """Sends money back."""

    def read_event(self, payload: bytes, signature: str) -> ProviderEvent:
        """The event of a webhook call, its signature checked on the bytes as they came.

        Raises WebhookSignatureInvalid and WebhookMalformed.
        """
