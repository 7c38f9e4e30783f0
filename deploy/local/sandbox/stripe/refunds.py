"""Refunds: money back on a charge, never more in sum than was captured."""

from __future__ import annotations

import time
from typing import Any

from deploy.local.sandbox.store import Document
from deploy.local.sandbox.stripe.errors import StripeError, missing
from deploy.local.sandbox.stripe.forms import Params
from deploy.local.sandbox.stripe.records import Records, new_id

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


class Refunds:
    """The calls under /v1/refunds."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def create(self, form: dict[str, Any]) -> Document:
        params = Params(form)
        charge = self._charge(params)
        left = charge["amount_captured"] - charge["amount_refunded"]
        amount = params.integer("amount")
        amount = left if amount is None else amount
        reason, metadata = params.choice("reason", REASONS), params.metadata() or {}
        params.ignore("refund_application_fee", "reverse_transfer", "instructions_email")
        params.done()
        _check(charge, amount, left)
        refund: Document = {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(time.time()),
            "currency": charge["currency"],
            "metadata": metadata,
            "payment_intent": charge["payment_intent"],
            "reason": reason,
            "status": "succeeded",
        }
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._records.save(refund, "refund.created")
        self._records.save(charge, "charge.refunded")
        return refund

    def get(self, id: str) -> Document:
        return self._records.get("refund", id, "refund")

    def _charge(self, params: Params) -> Document:
        intent_id, charge_id = params.text("payment_intent"), params.text("charge")
        if intent_id:
            intent = self._records.get("payment_intent", intent_id, "payment_intent")
            charge_id = intent["latest_charge"]
            if charge_id is None:
                message = "This PaymentIntent does not have a successful charge to refund."
                raise StripeError(
                    message,
                    code="payment_intent_unexpected_state",
                    payment_intent=intent,
                )
        if not charge_id:
            raise missing("payment_intent")
        return self._records.get("charge", charge_id, "charge")


def _check(charge: Document, amount: int, left: int) -> None:
    if not charge["captured"]:
        raise StripeError(
            f"Charge {charge['id']} has not been captured.",
            code="charge_not_refundable",
            param="charge",
        )
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded", param="charge")
    if amount < 1:
        raise StripeError("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise StripeError(message, code="amount_too_large", param="amount")
