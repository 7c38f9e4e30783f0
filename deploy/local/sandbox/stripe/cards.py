"""Stripe's test payment methods: what the bank would say to each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A test card. `decline` is empty where the bank agrees; `authentication` asks the payer to prove who they are."""

    brand: str
    last4: str
    decline: str = ""
    decline_code: str = ""
    message: str = ""
    authentication: bool = False


CARDS = {
    "pm_card_visa": Card("visa", "4242"),
    "pm_card_mastercard": Card("mastercard", "4444"),
    "pm_card_authenticationRequired": Card("visa", "3184", authentication=True),
    "pm_card_chargeDeclined": Card("visa", "0002", "card_declined", "generic_decline", "Your card was declined."),
    "pm_card_chargeDeclinedInsufficientFunds": Card(
        "visa",
        "9995",
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    "pm_card_chargeDeclinedExpiredCard": Card("visa", "0069", "expired_card", "", "Your card has expired."),
    "pm_card_chargeDeclinedProcessingError": Card(
        "visa",
        "0119",
        "processing_error",
        "",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}
