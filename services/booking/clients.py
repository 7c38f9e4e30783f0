"""The world outside: the property service by its stub, Stripe by its SDK."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from datetime import time as TimeOfDay
from typing import Any, NoReturn
from uuid import UUID

import grpc
import httpx
import stripe
from google.type import timeofday_pb2

from kerya.property.v1 import property_pb2, property_service_pb2, property_service_pb2_grpc
from services.booking.domain.errors import (
    PaymentRefused,
    PaymentUnavailable,
    PropertyNotFound,
    WebhookMalformed,
    WebhookSignatureInvalid,
)
from services.booking.domain.money import Money
from services.booking.domain.payment import Payment, ProviderEvent, ProviderEventKind, Refund
from services.booking.domain.terms import PolicyKind, PropertyTerms
from services.booking.mapper.values import money_of
from services.booking.ports import Intent, IntentState, ProviderRefund, RefundOutcome
from services.chassis.errors import ChassisRefusal
from services.chassis.failures import DependencyDown
from services.chassis.ids import from_typeid, to_typeid

# The SDK's version of the API, named, so that a newer SDK does not change what is asked for.
STRIPE_VERSION = "2026-10-28.endive"
SIGNATURE_TOLERANCE_S = 300
# A call that failed on the way is made again by its caller, with the stored key; the SDK need not.
NETWORK_RETRIES = 0
# Below the deadline of the call that waits for it, so that its caller is told what happened.
TIMEOUT_S = 4.0


class PropertyClient:
    """PropertyCatalog, by the property service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = property_service_pb2_grpc.PropertyServiceStub(channel)

    async def terms(self, property_id: UUID) -> PropertyTerms:
        """The terms of a published property."""
        request = property_service_pb2.GetBookingTermsRequest(property_id=to_typeid("property", property_id))
        try:
            return _terms(await self._stub.GetBookingTerms(request))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise PropertyNotFound(property_id=request.property_id) from None
            raise


def _terms(found: property_pb2.BookingTerms) -> PropertyTerms:
    kind = property_pb2.Property.CancellationPolicy.Name(found.cancellation_policy)
    return PropertyTerms(
        property_id=from_typeid("property", found.property_id),
        host_id=from_typeid("user", found.host_id),
        title=found.title,
        time_zone=found.time_zone,
        nightly_price=money_of(found.nightly_price),
        weekend_price=money_of(found.weekend_price),
        cleaning_fee=money_of(found.cleaning_fee),
        max_guests=found.max_guests,
        min_nights=found.min_nights,
        max_nights=found.max_nights,
        instant_book=found.instant_book,
        policy=PolicyKind(kind),
        check_in_time=_time(found.check_in_time),
        check_out_time=_time(found.check_out_time),
        version=found.terms_version,
    )


def _time(found: timeofday_pb2.TimeOfDay) -> TimeOfDay:
    return TimeOfDay(found.hours, found.minutes)


class _Transport(stripe.HTTPClient):
    """Carries the SDK's calls by the chassis' client: its bounds, its breaker, its traces."""

    name = "httpx"

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        try:
            response = await self._client.request(
                method, url, headers=dict(headers), content=post_data, timeout=TIMEOUT_S
            )
        except (httpx.HTTPError, DependencyDown) as error:
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                f"{type(error).__name__} on the way to Stripe", should_retry=False
            ) from error
        return response.content, response.status_code, response.headers

    def sleep_async(self, secs: float) -> Any:
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """The chassis closes the client."""


class StripeProvider:
    """PaymentProvider, by Stripe. `now` is the time in seconds since the epoch, for signatures."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base_url: str,
        api_key: str,
        webhook_secret: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._stripe = stripe.StripeClient(
            api_key,
            stripe_version=STRIPE_VERSION,
            base_addresses={"api": base_url},
            http_client=_Transport(client),
            max_network_retries=NETWORK_RETRIES,
        ).v1
        self._webhook_secret = webhook_secret
        self._now = now

    async def open(self, payment: Payment) -> Intent:
        """A PaymentIntent; its parameters come from the payment alone, so that a repeat is the same call."""
        try:
            intent = await self._stripe.payment_intents.create_async(
                {
                    "amount": payment.amount.minor,
                    "currency": payment.amount.currency.lower(),
                    "automatic_payment_methods": {"enabled": True},
                    "metadata": {
                        "payment_id": to_typeid("payment", payment.payment_id),
                        "booking_id": to_typeid("booking", payment.booking_id),
                    },
                },
                {"idempotency_key": to_typeid("payment", payment.payment_id)},
            )
        except stripe.StripeError as error:
            _refuse(error)
        return _intent(intent)

    async def void(self, payment: Payment) -> Intent:
        """Cancels the PaymentIntent. One that was never heard of is opened first, to be sure that nobody can pay it."""
        intent_id = payment.intent_id or (await self.open(payment)).intent_id
        try:
            return _intent(await self._stripe.payment_intents.cancel_async(intent_id))
        except stripe.InvalidRequestError as error:
            if error.code != "payment_intent_unexpected_state":
                _refuse(error)
        except stripe.StripeError as error:
            _refuse(error)
        return await self._found(intent_id)

    async def refund(self, refund: Refund, intent_id: str) -> ProviderRefund:
        """A refund of a part of the PaymentIntent, or all of it."""
        refund_id = to_typeid("refund", refund.refund_id)
        try:
            sent = await self._stripe.refunds.create_async(
                {
                    "payment_intent": intent_id,
                    "amount": refund.amount.minor,
                    "metadata": {"refund_id": refund_id, "booking_id": to_typeid("booking", refund.booking_id)},
                },
                {"idempotency_key": refund_id},
            )
        except stripe.StripeError as error:
            _refuse(error)
        return ProviderRefund(sent.id, _REFUND_OUTCOMES.get(sent.status or "", RefundOutcome.PENDING))

    async def _found(self, intent_id: str) -> Intent:
        try:
            return _intent(await self._stripe.payment_intents.retrieve_async(intent_id))
        except stripe.StripeError as error:
            _refuse(error)

    def read_event(self, payload: bytes, signature: str) -> ProviderEvent:
        """The event of a webhook call."""
        try:
            text = payload.decode()
            stripe.WebhookSignature.verify_header(text, signature, self._webhook_secret, SIGNATURE_TOLERANCE_S)
            signed_at = _signed_at(signature)
        except (stripe.SignatureVerificationError, ValueError, IndexError, StopIteration):
            raise WebhookSignatureInvalid from None
        # The SDK refuses old signatures only; one from the future could be replayed for as long as it is ahead.
        if signed_at > self._now() + SIGNATURE_TOLERANCE_S:
            raise WebhookSignatureInvalid
        try:
            return _event(json.loads(text))
        except (KeyError, TypeError, AttributeError, ValueError):
            raise WebhookMalformed from None


_INTENT_STATES = {"succeeded": IntentState.SUCCEEDED, "canceled": IntentState.CANCELLED}
_REFUND_OUTCOMES = {
    "succeeded": RefundOutcome.SUCCEEDED,
    "failed": RefundOutcome.FAILED,
    "canceled": RefundOutcome.FAILED,
}


def _intent(intent: stripe.PaymentIntent) -> Intent:
    return Intent(intent.id, intent.client_secret or "", _INTENT_STATES.get(intent.status, IntentState.OPEN))


_PASSING_CODES = (401, 403, 409, 429)


def _refuse(error: stripe.StripeError) -> NoReturn:
    # What Stripe may say otherwise in a moment, or when we are configured right: nothing is given up for it.
    passing = (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError, stripe.AuthenticationError)
    if isinstance(error, passing) or error.http_status in _PASSING_CODES:
        raise PaymentUnavailable from error
    raise PaymentRefused(provider_code=error.code or "unknown") from error


def _signed_at(signature: str) -> int:
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))


def _event(found: Mapping[str, Any]) -> ProviderEvent:
    subject = found["data"]["object"]
    metadata = subject.get("metadata") or {}
    kind = _kind(found["type"], subject)
    paid = kind is ProviderEventKind.PAYMENT_SUCCEEDED
    return ProviderEvent(
        event_id=_text(found["id"]),
        type=_text(found["type"]),
        kind=kind,
        payment_id=_own_id("payment", metadata),
        refund_id=_own_id("refund", metadata),
        intent_id=_text(
            subject["id"] if subject.get("object") == "payment_intent" else subject.get("payment_intent") or ""
        ),
        amount=Money(int(subject["amount_received"]), subject["currency"].upper()) if paid else None,
    )


def _kind(type: str, subject: Mapping[str, Any]) -> ProviderEventKind:
    if type == "payment_intent.succeeded":
        return ProviderEventKind.PAYMENT_SUCCEEDED
    if type == "payment_intent.canceled":
        return ProviderEventKind.PAYMENT_CANCELLED
    if subject.get("object") == "refund":
        outcome = _REFUND_OUTCOMES.get(subject.get("status") or "", RefundOutcome.PENDING)
        return _REFUND_KINDS.get(outcome, ProviderEventKind.OTHER)
    return ProviderEventKind.OTHER


_REFUND_KINDS = {
    RefundOutcome.SUCCEEDED: ProviderEventKind.REFUND_SUCCEEDED,
    RefundOutcome.FAILED: ProviderEventKind.REFUND_FAILED,
}


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 255 or "\0" in value:
        raise ValueError("not a text of Stripe's")
    return value


def _own_id(noun: str, metadata: Mapping[str, str]) -> UUID | None:
    try:
        return from_typeid(noun, metadata.get(f"{noun}_id") or "")
    except ChassisRefusal:
        return None  # somebody else's object: it has no effect here
