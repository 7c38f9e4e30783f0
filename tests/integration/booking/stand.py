"""What the tests of the booking service do again and again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import grpc
import httpx
import jwt
import stripe
from google.api import httpbody_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from google.type import date_pb2, money_pb2, timeofday_pb2

from kerya.booking.v1 import booking_pb2, booking_service_pb2, calendar_service_pb2
from kerya.booking.v1.booking_service_pb2_grpc import BookingServiceStub
from kerya.booking.v1.calendar_service_pb2_grpc import CalendarServiceStub
from kerya.booking.v1.payment_service_pb2_grpc import PaymentServiceStub
from kerya.property.v1 import property_pb2, property_service_pb2
from kerya.property.v1.property_service_pb2_grpc import PropertyServiceServicer
from services.booking.clients import StripeProvider
from services.booking.domain.payment import Payment, ProviderEvent, Refund
from services.booking.ports import Intent, ProviderRefund
from services.booking.settings import Settings
from services.chassis.cloudevent import Envelope
from services.chassis.contract import Contract
from services.chassis.ids import from_typeid, new_id, to_typeid
from services.chassis.jetstream import JetStream

State = booking_pb2.Booking.State


class Terms(PropertyServiceServicer):
    """A property service that knows the terms it was told of."""

    def __init__(self) -> None:
        self.known: dict[str, property_pb2.BookingTerms] = {}

    async def GetBookingTerms(
        self, request: property_service_pb2.GetBookingTermsRequest, context: Any
    ) -> property_pb2.BookingTerms:
        if request.property_id not in self.known:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such property")
        return self.known[request.property_id]


class Provider:
    """The real adapter, and what happens around its calls: a process that dies, a webhook that is quicker."""

    def __init__(self, real: StripeProvider) -> None:
        self.real = real
        self.around: dict[str, Callable[[Any], Awaitable[None]]] = {}

    async def open(self, payment: Payment) -> Intent:
        await self._happen("before open", payment)
        intent = await self.real.open(payment)
        await self._happen("after open", intent)
        return intent

    async def void(self, payment: Payment) -> Intent:
        await self._happen("before void", payment)
        return await self.real.void(payment)

    async def refund(self, refund: Refund, intent_id: str) -> ProviderRefund:
        await self._happen("before refund", refund)
        sent = await self.real.refund(refund, intent_id)
        await self._happen("after refund", sent)
        return sent

    def read_event(self, payload: bytes, signature: str) -> ProviderEvent:
        return self.real.read_event(payload, signature)

    async def _happen(self, moment: str, about: Any) -> None:
        if moment in self.around:
            await self.around[moment](about)


class Died(RuntimeError):
    """The process ended here."""


async def die(_: Any) -> None:
    raise Died


@dataclass
class Sandbox:
    """The provider's process. It delivers no webhook by itself: each test says when and how often."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        environment = os.environ | {
            "KERYA_SANDBOX_LISTEN": f"127.0.0.1:{self.port}",
            "KERYA_SANDBOX_DIRECTORY": str(self.directory / "sandbox"),
            "KERYA_SECRETS_DIRECTORY": str(self.directory / "secrets"),
            "KERYA_SANDBOX_STRIPE_WEBHOOK_URL": "",
        }
        self.process = subprocess.Popen([sys.executable, "-m", "deploy.local.sandbox"], env=environment)
        async with asyncio.timeout(10):
            while not await self._answers():
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=10)

    async def stripe(self, method: str, path: str, **form: Any) -> dict[str, Any]:
        key = (self.directory / "secrets" / "stripe_api_key").read_text().strip()
        async with httpx.AsyncClient(base_url=f"{self.url}/stripe/v1/", auth=(key, "")) as client:
            kind = {"params": form} if method == "GET" else {"data": form}
            answer = await client.request(method, path, **kind)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def pay(self, booking: booking_pb2.Booking) -> dict[str, Any]:
        """What the client's app does with the client secret; the event that follows."""
        intent_id = booking.payment.payment_intent_id
        await self.stripe("POST", f"payment_intents/{intent_id}/confirm", payment_method="pm_card_visa")
        return await self.event("payment_intent.succeeded", intent_id)

    async def event(self, type: str, about: str) -> dict[str, Any]:
        found = [event for event in await self.events(type) if event["data"]["object"]["id"] == about]
        assert found, f"no {type} of {about}"
        return found[0]

    async def events(self, type: str) -> list[dict[str, Any]]:
        return list((await self.stripe("GET", "events", type=type, limit=100))["data"])

    async def refunds(self, booking: booking_pb2.Booking) -> list[dict[str, Any]]:
        found = await self.stripe("GET", "refunds", payment_intent=booking.payment.payment_intent_id)
        return list(found["data"])

    async def intent(self, intent_id: str) -> dict[str, Any]:
        return await self.stripe("GET", f"payment_intents/{intent_id}")

    async def knob(self, **values: Any) -> None:
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{self.url}/knobs", json=values)).is_success

    async def _answers(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{self.url}/healthz")).is_success
        except httpx.HTTPError:
            return False


@dataclass
class Person:
    """Somebody with a token."""

    token: str
    user_id: str


@dataclass
class Refused(Exception):
    """A refusal as a caller reads it."""

    code: str
    reason: str
    metadata: dict[str, str]
    nights: booking_pb2.NightsTakenDetail = field(default_factory=booking_pb2.NightsTakenDetail)


@dataclass
class Stand:
    """The running service and a second process of it, their database, its provider, and the property service it asks."""

    bookings: BookingServiceStub
    replica: BookingServiceStub
    calendars: CalendarServiceStub
    payments: PaymentServiceStub
    database: asyncpg.Pool
    settings: Settings
    sandbox: Sandbox
    provider: Provider
    terms: Terms
    secrets: Path
    signing_key: bytes
    key_id: str
    # The jobs by name, for those that run once a minute or less often.
    jobs: dict[str, Callable[[], Awaitable[object]]]

    def person(self, *roles: str) -> Person:
        now, user = int(time.time()), to_typeid("user", new_id())
        claims = {
            "iss": "kerya", "aud": "kerya", "sub": user, "sid": to_typeid("session", new_id()), "jti": uuid4().hex,
            "roles": list(roles or ("CLIENT",)), "locale": "en", "iat": now, "nbf": now, "exp": now + 600,
        }  # fmt: skip
        token = jwt.encode(claims, self.signing_key, "EdDSA", headers={"typ": "at+jwt", "kid": self.key_id})
        return Person(token, user)

    def property(self, host: Person | None = None, **changes: Any) -> str:
        """A published property: 5,000.00 DZD a night, weekends too, in Algiers."""
        property_id = to_typeid("property", new_id())
        facts = {
            "property_id": property_id,
            "host_id": (host or self.person("HOST")).user_id,
            "title": "Dar with a view",
            "state": property_pb2.Property.PUBLISHED,
            "time_zone": "Africa/Algiers",
            "currency_code": "DZD",
            "nightly_price": money_pb2.Money(currency_code="DZD", units=5000),
            "weekend_price": money_pb2.Money(currency_code="DZD", units=5000),
            "cleaning_fee": money_pb2.Money(currency_code="DZD", units=1000),
            "max_guests": 4,
            "min_nights": 1,
            "max_nights": 60,
            "instant_book": True,
            "cancellation_policy": property_pb2.Property.FLEXIBLE,
            "check_in_time": timeofday_pb2.TimeOfDay(hours=15),
            "check_out_time": timeofday_pb2.TimeOfDay(hours=11),
            "terms_version": 1,
        }
        self.terms.known[property_id] = property_pb2.BookingTerms(**(facts | changes))
        return property_id

    async def call(self, rpc: Any, request: Any, who: Person | None = None, *, key: str = "", **metadata: str) -> Any:
        """Raises Refused."""
        sent = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        sent += [("authorization", f"Bearer {who.token}")] if who else []
        sent.append(("idempotency-key", key or uuid4().hex))
        try:
            return await rpc(request, metadata=sent, timeout=10)
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from None

    async def quote(
        self,
        property_id: str,
        first: int = 30,
        nights: int = 3,
        guests: int = 2,
        currency: str = "",
        who: Person | None = None,
    ) -> booking_pb2.Quote:
        """A quote for a stay that begins `first` days from today."""
        request = booking_service_pb2.CreateQuoteRequest(
            property_id=property_id,
            check_in_date=day(first),
            check_out_date=day(first + nights),
            guest_count=guests,
            currency_code=currency,
        )
        return await self.call(self.bookings.CreateQuote, request, who)

    async def book(
        self, who: Person, quote: booking_pb2.Quote, key: str = "", *, at: BookingServiceStub | None = None
    ) -> booking_pb2.Booking:
        request = booking_service_pb2.CreateBookingRequest(quote_token=quote.quote_token, message="Salam")
        return await self.call((at or self.bookings).CreateBooking, request, who, key=key)

    async def held(self, who: Person, property_id: str = "", **stay: Any) -> booking_pb2.Booking:
        return await self.book(who, await self.quote(property_id or self.property(), **stay))

    async def confirmed(self, who: Person, property_id: str = "", **stay: Any) -> booking_pb2.Booking:
        booking = await self.held(who, property_id, **stay)
        await self.deliver(await self.sandbox.pay(booking))
        confirmed = await self.get(who, booking)
        assert confirmed.state == State.CONFIRMED
        return confirmed

    async def get(self, who: Person, booking: booking_pb2.Booking) -> booking_pb2.Booking:
        request = booking_service_pb2.GetBookingRequest(booking_id=booking.booking_id)
        return await self.call(self.bookings.GetBooking, request, who)

    async def cancel(self, who: Person, booking: booking_pb2.Booking, **changes: Any) -> booking_pb2.Booking:
        request = booking_service_pb2.CancelBookingRequest(booking_id=booking.booking_id, reason="plans", **changes)
        return await self.call(self.bookings.CancelBooking, request, who)

    async def deliver(self, event: dict[str, Any], *, wait: bool = True) -> None:
        """The provider's webhook, signed; waits until it had its effect, which may be a moment after the answer."""
        await self.deliver_raw(json.dumps(event).encode())

        async def applied() -> bool:
            query = "SELECT applied_at FROM provider_event WHERE event_id = $1"
            return await self.database.fetchval(query, event["id"]) is not None

        if wait:
            await eventually(applied, f"{event['type']} has its effect")

    async def deliver_raw(self, payload: bytes, signature: str = "") -> None:
        """The provider's webhook, as the edge hands it on. Raises Refused."""
        body = httpbody_pb2.HttpBody(content_type="application/json", data=payload)
        signed = signature or self.sign(payload)
        await self.call(self.payments.ReceiveStripeWebhook, body, stripe_signature=signed)

    def sign(self, payload: bytes, at: int | None = None, secret: str = "") -> str:
        known = (self.secrets / "stripe_webhook_secret").read_text().strip()
        return stripe.WebhookSignature.generate_signature_header(payload.decode(), secret or known, at)

    async def nights(self, property_id: str) -> list[tuple[date, str, str]]:
        """The taken nights: day, kind, booking."""
        rows = await self.database.fetch(
            "SELECT night, kind, booking_id FROM night WHERE property_id = $1 ORDER BY night", uuid_of(property_id)
        )
        return [
            (row["night"], row["kind"], row["booking_id"] and to_typeid("booking", row["booking_id"])) for row in rows
        ]

    async def events(self, *aggregates: str) -> list[str]:
        """The subjects of the aggregates' events, in their order."""
        rows = await self.database.fetch(
            "SELECT subject FROM outbox WHERE aggregate = ANY($1) ORDER BY seq", list(aggregates)
        )
        return [row["subject"] for row in rows]

    async def ledger(self, booking: booking_pb2.Booking) -> dict[str, int]:
        """The balance of each account, for one booking."""
        rows = await self.database.fetch(
            "SELECT account, sum(amount_minor)::bigint AS minor FROM ledger_entry WHERE booking_id = $1 GROUP BY account",
            uuid_of(booking.booking_id),
        )
        balances = {row["account"]: row["minor"] for row in rows}
        assert sum(balances.values()) == 0
        return balances

    async def set_back(self, booking: booking_pb2.Booking, **columns: timedelta) -> None:
        """Lets time pass for one booking: its instants move into the past."""
        for column, by in columns.items():
            await self.database.execute(
                f"UPDATE booking SET {column} = now() - $2::interval WHERE booking_id = $1",
                uuid_of(booking.booking_id),
                by,
            )

    async def publish(self, message: Message, package: str) -> None:
        """Puts an event of another service on the bus, in its envelope, as that service's relay does."""
        rule = Contract.load().event_of(type(message))
        aggregate = str(getattr(message, rule.aggregate))
        envelope = Envelope(new_id(), rule.full_name, "test", aggregate, datetime.now(UTC))
        bus = JetStream(self.settings.nats_url.get_secret_value(), name="test", replicas=1)
        await bus.start(5.0)
        try:
            await bus.declare(Contract.load(), package)
            await bus.context.publish(
                rule.subject, message.SerializeToString(), headers=envelope.headers(), stream=rule.stream
            )
        finally:
            await bus.stop()

    async def count(self, table: str) -> int:
        return int(await self.database.fetchval(f"SELECT count(*) FROM {table}"))

    async def calendar(self, who: Person | None, property_id: str, first: int, last: int) -> Sequence[Any]:
        request = calendar_service_pb2.GetCalendarRequest(
            property_id=property_id, first_night=day(first), last_night=day(last)
        )
        return (await self.call(self.calendars.GetCalendar, request, who)).nights


def day(ahead: int) -> date_pb2.Date:
    value = date.today() + timedelta(days=ahead)
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def uuid_of(typeid: str) -> UUID:
    return from_typeid(typeid.rpartition("_")[0], typeid)


def minor(amount: money_pb2.Money) -> int:
    """Minor units of an amount with two decimals."""
    return amount.units * 100 + amount.nanos // 10_000_000


async def eventually(holds: Callable[[], Awaitable[bool]], what: str, seconds: float = 8.0) -> None:
    """Waits until it holds."""
    end = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


def refusal(error: grpc.aio.AioRpcError) -> Refused:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(details if isinstance(details, bytes) else b"")
    info, nights = error_details_pb2.ErrorInfo(), booking_pb2.NightsTakenDetail()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(nights)
    return Refused(error.code().name, info.reason, dict(info.metadata), nights)
