"""Payments and refunds: what was asked of the provider, and what the provider said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from services.booking.domain.money import Money


class PaymentState(StrEnum):
    """Where a payment stands. The provider has the last word: it may report the money of one that was given up."""

    PENDING = "PENDING"
    # Given up here; the provider is yet to be told.
    VOIDING = "VOIDING"
    VOID = "VOID"
    SUCCEEDED = "SUCCEEDED"


class RefundReason(StrEnum):
    """Why money goes back; the names are the contract's."""

    CANCELLED = "CANCELLED"
    PAID_LATE = "PAID_LATE"


class RefundState(StrEnum):
    """Where a refund stands."""

    # The provider is yet to be asked, or to be asked again.
    PENDING = "PENDING"
    # Asked; the provider will say when it is done.
    SENT = "SENT"
    SUCCEEDED = "SUCCEEDED"
    # Refused for good; the money is still in escrow, and a person must look.
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to be paid. Its id is its idempotency key with the provider, kept before the provider is called.

    `refunding` is what refunds were opened for, `refunded` what has gone back: refunded <= refunding <= amount.
    """

    payment_id: UUID
    booking_id: UUID
    amount: Money
    refunding: Money
    refunded: Money
    state: PaymentState = PaymentState.PENDING
    intent_id: str = ""
    client_secret: str = ""
    version: int = 1

    @property
    def is_pending(self) -> bool:
        """Whether the client may still pay it."""
        return self.state is PaymentState.PENDING

    def succeed(self, intent_id: str) -> Payment:
        """The provider has the money."""
        return self._next(state=PaymentState.SUCCEEDED, intent_id=self.intent_id or intent_id)

    def give_up(self) -> Payment:
        """Nobody shall pay it any more. One that was paid stays paid."""
        return self._next(state=PaymentState.VOIDING) if self.is_pending else self

    def voided(self, intent_id: str) -> Payment:
        """The provider will not take it any more."""
        return self._next(state=PaymentState.VOID, intent_id=self.intent_id or intent_id)

    def open_refund(self, amount: Money) -> Payment:
        """Promises money back. Raises ValueError beyond what was paid."""
        if self.state is not PaymentState.SUCCEEDED or (self.refunding + amount).minor > self.amount.minor:
            raise ValueError(f"payment {self.payment_id} cannot give back {amount} more")
        return self._next(refunding=self.refunding + amount)

    def give_back(self, amount: Money) -> Payment:
        """The provider gave money back."""
        return self._next(refunded=self.refunded + amount)

    def _next(self, **changes: object) -> Payment:
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back. Its id is its idempotency key with the provider."""

    refund_id: UUID
    payment_id: UUID
    booking_id: UUID
    amount: Money
    reason: RefundReason
    state: RefundState = RefundState.PENDING
    provider_refund_id: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the provider has said its last word."""
        return self.state in (RefundState.SUCCEEDED, RefundState.FAILED)

    def answered(self, provider_refund_id: str, state: RefundState) -> Refund:
        """What the provider made of it."""
        return replace(self, state=state, provider_refund_id=provider_refund_id or self.provider_refund_id)


class ProviderEventKind(StrEnum):
    """What a provider's event means here."""

    PAYMENT_SUCCEEDED = "PAYMENT_SUCCEEDED"
    PAYMENT_CANCELLED = "PAYMENT_CANCELLED"
    REFUND_SUCCEEDED = "REFUND_SUCCEEDED"
    REFUND_FAILED = "REFUND_FAILED"
    # Kept, so that it is seen once, and of no effect.
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What is kept of a provider's event. `payment_id` and `refund_id` are ours, None where it names none."""

    event_id: str
    type: str
    kind: ProviderEventKind
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    intent_id: str = ""
    amount: Money | None = None
