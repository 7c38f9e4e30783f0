"""The ledger: every movement of money as a transfer whose entries sum to zero. Balances are derived, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from services.booking.domain.booking import Booking
from services.booking.domain.money import Money
from services.booking.domain.payment import Payment, Refund
from services.booking.domain.policy import Settlement
from services.booking.domain.pricing import share


class Account(StrEnum):
    """Whose money. ESCROW holds what is paid until it is earned or given back."""

    CLIENT = "CLIENT"
    ESCROW = "ESCROW"
    HOST = "HOST"
    PLATFORM = "PLATFORM"


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a transfer: positive comes in, negative goes out. `owner_id` is the user, None for the house."""

    account: Account
    owner_id: UUID | None
    amount: Money


@dataclass(frozen=True, slots=True)
class Transfer:
    """One movement. (source, source_id) says what moved the money, and moves it once. Raises ValueError unless it
    sums to zero."""

    source: str
    source_id: UUID
    booking_id: UUID
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if sum(entry.amount.minor for entry in self.entries):
            raise ValueError(f"transfer {self.source} {self.source_id} does not sum to zero")


def charge(booking: Booking, payment: Payment) -> Transfer:
    """The client paid into escrow."""
    return _transfer(
        "charge", payment.payment_id, booking, (Account.CLIENT, -payment.amount), (Account.ESCROW, payment.amount)
    )


def refund(booking: Booking, given_back: Refund) -> Transfer:
    """Escrow paid the client back."""
    amount = given_back.amount
    return _transfer("refund", given_back.refund_id, booking, (Account.ESCROW, -amount), (Account.CLIENT, amount))


def keep(booking: Booking, settlement: Settlement) -> Transfer:
    """What a cancellation leaves in escrow is shared out."""
    return _earned("cancellation", booking, settlement.host_part, settlement.platform_part)


def earn(booking: Booking) -> Transfer:
    """The stay is over: host and marketplace have earned it."""
    host_part, commission = share(booking.price.lodging + booking.price.cleaning)
    return _earned("stay", booking, host_part, booking.price.service + commission)


def _earned(source: str, booking: Booking, host_part: Money, platform_part: Money) -> Transfer:
    return _transfer(
        source,
        booking.booking_id,
        booking,
        (Account.ESCROW, -(host_part + platform_part)),
        (Account.HOST, host_part),
        (Account.PLATFORM, platform_part),
    )


def _transfer(source: str, source_id: UUID, booking: Booking, *sides: tuple[Account, Money]) -> Transfer:
    owners = {Account.CLIENT: booking.client_id, Account.HOST: booking.host_id}
    entries = tuple(Entry(account, owners.get(account), amount) for account, amount in sides if amount)
    return Transfer(source, source_id, booking.booking_id, entries)
