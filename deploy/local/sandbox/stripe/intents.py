"""Payment intents: Stripe's state machine from `requires_payment_method` to `succeeded` or `canceled`."""

from __future__ import annotations

import re
import time
from typing import Any

from deploy.local.sandbox.store import Document
from deploy.local.sandbox.stripe.cards import CARDS, Card
from deploy.local.sandbox.stripe.errors import StripeError, missing
from deploy.local.sandbox.stripe.forms import Params
from deploy.local.sandbox.stripe.records import Records, new_id

MAX_AMOUNT = 99_999_999
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELLABLE = (*OPEN, "requires_capture", "processing")
REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
# Taken from the caller and kept out of the picture: they change nothing the sandbox shows.
ACCEPTED = (
    "automatic_payment_methods", "payment_method_types", "customer", "off_session", "return_url", "setup_future_usage",
    "statement_descriptor", "statement_descriptor_suffix", "confirmation_method", "payment_method_options",
    "use_stripe_sdk", "client_secret", "mandate_data", "error_on_requires_action", "shipping",
)  # fmt: skip


class Intents:
    """The calls under /v1/payment_intents."""

    def __init__(self, records: Records, public_url: str) -> None:
        self._records = records
        self._public_url = public_url

    def create(self, form: dict[str, Any]) -> Document:
        params = Params(form)
        amount, currency = _amount(params), _currency(params)
        confirm, method = params.flag("confirm"), _method(params)
        id = new_id("pi")
        intent: Document = {
            "id": id,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.choice("capture_method", ("automatic", "automatic_async", "manual"))
            or "automatic",
            "client_secret": f"{id}_secret_{new_id('s')[2:]}",
            "confirmation_method": "automatic",
            "created": int(time.time()),
            "currency": currency,
            "description": params.text("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": params.metadata() or {},
            "next_action": None,
            "payment_method": method,
            "payment_method_types": ["card"],
            "receipt_email": params.text("receipt_email"),
            "status": "requires_confirmation" if method else "requires_payment_method",
            "transfer_group": params.text("transfer_group"),
        }
        params.ignore(*ACCEPTED)
        params.done()
        self._records.save(intent, "payment_intent.created")
        return self._pay(intent, method) if confirm else intent

    def get(self, id: str) -> Document:
        return self._records.get("payment_intent", id, "intent")

    def update(self, id: str, form: dict[str, Any]) -> Document:
        intent, params = self.get(id), Params(form)
        changes: Document = {
            "description": params.text("description"),
            "receipt_email": params.text("receipt_email"),
        }
        if "amount" in form:
            _require(intent, OPEN, "update the amount of")
            changes["amount"] = _amount(params)
        if (metadata := params.metadata()) is not None:
            merged = {**intent["metadata"], **metadata} if metadata else {}
            changes["metadata"] = {key: value for key, value in merged.items() if value != ""}
        params.ignore(*ACCEPTED)
        params.done()
        intent |= {name: value for name, value in changes.items() if value is not None}
        self._records.save(intent)
        return intent

    def confirm(self, id: str, form: dict[str, Any]) -> Document:
        intent, params = self.get(id), Params(form)
        _require(intent, OPEN, "confirm")
        method = _method(params) or intent["payment_method"]
        params.ignore("receipt_email", *ACCEPTED)
        params.done()
        return self._pay(intent, method)

    def capture(self, id: str, form: dict[str, Any]) -> Document:
        intent, params = self.get(id), Params(form)
        _require(intent, ("requires_capture",), "capture")
        amount = params.integer("amount_to_capture")
        amount = intent["amount_capturable"] if amount is None else amount
        params.ignore(
            "metadata",
            "final_capture",
            "statement_descriptor",
            "application_fee_amount",
        )
        params.done()
        if not 0 < amount <= intent["amount_capturable"]:
            message = "The amount to capture is greater than the amount that can be captured."
            raise StripeError(message, code="amount_too_large", param="amount_to_capture")
        charge = self._records.get("charge", intent["latest_charge"])
        charge |= {"captured": True, "amount_captured": amount}
        self._records.save(charge, "charge.captured")
        intent |= {
            "status": "succeeded",
            "amount_received": amount,
            "amount_capturable": 0,
        }
        self._records.save(intent, "payment_intent.succeeded")
        return intent

    def cancel(self, id: str, form: dict[str, Any]) -> Document:
        intent, params = self.get(id), Params(form)
        _require(intent, CANCELLABLE, "cancel")
        reason = params.choice("cancellation_reason", REASONS)
        params.done()
        intent |= {
            "status": "canceled",
            "canceled_at": int(time.time()),
            "cancellation_reason": reason,
            "amount_capturable": 0,
            "next_action": None,
        }
        self._records.save(intent, "payment_intent.canceled")
        return intent

    def authenticate(self, id: str, succeeds: bool) -> Document:
        """What the bank's own page does: the payer proved who they are, or failed to."""
        intent = self.get(id)
        _require(intent, ("requires_action",), "authenticate")
        if succeeds:
            return self._charge(intent, CARDS[intent["payment_method"]])
        message = "The provided PaymentMethod has failed authentication."
        return self._fail(intent, StripeError(message, code="payment_intent_authentication_failure"))

    def _pay(self, intent: Document, method: str | None) -> Document:
        if method is None:
            raise missing("payment_method")
        intent["payment_method"] = method
        card = CARDS[method]
        if card.decline:
            error = StripeError(
                card.message,
                status=402,
                type="card_error",
                code=card.decline,
                decline_code=card.decline_code or None,
            )
            self._fail(intent, error)
            raise error
        if card.authentication:
            return self._challenge(intent)
        return self._charge(intent, card)

    def _challenge(self, intent: Document) -> Document:
        url = f"{self._public_url}/stripe/authenticate/{intent['id']}"
        intent |= {
            "status": "requires_action",
            "next_action": {
                "type": "redirect_to_url",
                "redirect_to_url": {"url": url, "return_url": None},
            },
        }
        self._records.save(intent, "payment_intent.requires_action")
        return intent

    def _fail(self, intent: Document, error: StripeError) -> Document:
        problem = {
            "type": error.type,
            "message": str(error),
            **{k: v for k, v in error.details.items() if v},
        }
        intent |= {
            "status": "requires_payment_method",
            "payment_method": None,
            "next_action": None,
        }
        intent["last_payment_error"] = problem
        self._records.save(intent, "payment_intent.payment_failed")
        error.details["payment_intent"] = intent
        return intent

    def _charge(self, intent: Document, card: Card) -> Document:
        manual = intent["capture_method"] == "manual"
        charge: Document = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0 if manual else intent["amount"],
            "amount_refunded": 0,
            "captured": not manual,
            "created": int(time.time()),
            "currency": intent["currency"],
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": intent["payment_method"],
            "payment_method_details": {
                "type": "card",
                "card": {"brand": card.brand, "last4": card.last4},
            },
            "refunded": False,
            "status": "succeeded",
        }
        self._records.save(charge, "charge.succeeded")
        intent |= {
            "latest_charge": charge["id"],
            "next_action": None,
            "last_payment_error": None,
        }
        if manual:
            intent |= {
                "status": "requires_capture",
                "amount_capturable": intent["amount"],
            }
            self._records.save(intent, "payment_intent.amount_capturable_updated")
        else:
            intent |= {"status": "succeeded", "amount_received": intent["amount"]}
            self._records.save(intent, "payment_intent.succeeded")
        return intent


def _require(intent: Document, states: tuple[str, ...], verb: str) -> None:
    if intent["status"] not in states:
        raise StripeError(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )


def _amount(params: Params) -> int:
    amount = params.integer("amount")
    if amount is None:
        raise missing("amount")
    if amount < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param="amount",
        )
    if amount > MAX_AMOUNT:
        raise StripeError(
            f"Amount must be no more than {MAX_AMOUNT}",
            code="amount_too_large",
            param="amount",
        )
    return amount


def _currency(params: Params) -> str:
    currency = params.required("currency").lower()
    if not re.fullmatch(r"[a-z]{3}", currency):
        raise StripeError(f"Invalid currency: {currency}", param="currency")
    return currency


def _method(params: Params) -> str | None:
    method = params.text("payment_method")
    if method is not None and method not in CARDS:
        raise StripeError(
            f"No such PaymentMethod: '{method}'",
            code="resource_missing",
            param="payment_method",
        )
    return method
