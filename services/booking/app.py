"""The composition root of the booking service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from kerya.booking.v1 import booking_service_pb2_grpc, calendar_service_pb2_grpc, payment_service_pb2_grpc
from services.booking.clients import PropertyClient, StripeProvider
from services.booking.consumers import UserConsumers
from services.booking.jobs import jobs
from services.booking.mapper.bookings import details
from services.booking.mapper.events import event
from services.booking.ports import PaymentProvider, PropertyCatalog
from services.booking.repository.payments import Payments
from services.booking.servicer import BookingServicer, CalendarServicer, PaymentServicer
from services.booking.settings import Settings
from services.booking.usecases.apply_provider_event import ApplyProviderEvent, ApplyProviderEvents
from services.booking.usecases.calendars import BlockNights, GetCalendar, UnblockNights
from services.booking.usecases.cancel_booking import CancelBooking
from services.booking.usecases.complete_stays import CompleteStays
from services.booking.usecases.create_booking import CreateBooking
from services.booking.usecases.create_quote import CreateQuote
from services.booking.usecases.expire_holds import ExpireHolds
from services.booking.usecases.forget_provider_events import ForgetProviderEvents
from services.booking.usecases.forget_user import ForgetUser
from services.booking.usecases.prove_ledger import ProveLedger
from services.booking.usecases.read_bookings import GetBooking, ListBookings, PreviewCancellation
from services.booking.usecases.receive_webhook import ReceiveWebhook
from services.booking.usecases.record_payment import RecordPayment, RecordRefund
from services.booking.usecases.send_refunds import SendRefunds
from services.booking.usecases.void_payments import VoidPayments
from services.chassis.jobs import Job
from services.chassis.outbox import Outbox
from services.chassis.service import Chassis, Service


async def build(chassis: Chassis, settings: Settings) -> Service:
    """Puts the service together."""
    return compose(chassis, settings, PropertyClient(chassis.channel("property")), stripe_provider(chassis, settings))


def compose(chassis: Chassis, settings: Settings, catalog: PropertyCatalog, provider: PaymentProvider) -> Service:
    """The service on these two ports."""
    outbox = chassis.outbox(event)
    payments = Payments(chassis.cipher)
    apply = ApplyProviderEvent(
        chassis.database, payments, RecordPayment(payments, outbox), RecordRefund(payments, outbox)
    )
    calendar = GetCalendar(chassis.database, catalog, chassis.clock)
    return Service(
        servicers=(
            (
                booking_service_pb2_grpc.add_BookingServiceServicer_to_server,
                _bookings(chassis, settings, catalog, provider, payments, outbox),
            ),
            (
                calendar_service_pb2_grpc.add_CalendarServiceServicer_to_server,
                # The stubs call RPCs abstract that are not served yet; the chassis answers them with NOT_SERVED.
                CalendarServicer(  # type: ignore[abstract]
                    calendar,
                    BlockNights(chassis.database, calendar, outbox),
                    UnblockNights(chassis.database, calendar, outbox),
                ),
            ),
            (
                payment_service_pb2_grpc.add_PaymentServiceServicer_to_server,
                PaymentServicer(ReceiveWebhook(chassis.database, provider, apply)),
            ),
        ),
        consumers=(UserConsumers(ForgetUser(chassis.database)).handlers(),),
        jobs=_jobs(chassis, provider, payments, outbox, apply),
        details=details,
    )


def _bookings(
    chassis: Chassis,
    settings: Settings,
    catalog: PropertyCatalog,
    provider: PaymentProvider,
    payments: Payments,
    outbox: Outbox,
) -> BookingServicer:
    database, key = chassis.database, chassis.secrets.read_key("quote.key")
    quote_lifetime, hold_lifetime = (
        timedelta(seconds=settings.quote_lifetime),
        timedelta(seconds=settings.hold_lifetime),
    )
    return BookingServicer(  # type: ignore[abstract]
        CreateQuote(database, catalog, chassis.clock, key, quote_lifetime),
        CreateBooking(database, payments, provider, outbox, key, hold_lifetime, settings.max_open_holds),
        GetBooking(database, payments),
        ListBookings(database, payments),
        PreviewCancellation(database),
        CancelBooking(database, payments, outbox),
        chassis.paging,
        settings.stripe_publishable_key,
    )


def _jobs(
    chassis: Chassis, provider: PaymentProvider, payments: Payments, outbox: Outbox, apply: ApplyProviderEvent
) -> Sequence[Job]:
    database = chassis.database
    return jobs(
        ExpireHolds(database, payments, outbox),
        CompleteStays(database, outbox),
        ApplyProviderEvents(database, apply),
        SendRefunds(database, payments, provider, apply.record_refund),
        VoidPayments(database, payments, provider, apply.record_payment),
        ForgetProviderEvents(database),
        ProveLedger(database),
    )


def stripe_provider(chassis: Chassis, settings: Settings) -> StripeProvider:
    """Stripe, or the sandbox that plays it."""
    return StripeProvider(
        chassis.provider("stripe", settings.stripe_base_url),
        settings.stripe_base_url,
        chassis.secrets.read("stripe_api_key").decode(),
        chassis.secrets.read("stripe_webhook_secret").decode(),
    )
