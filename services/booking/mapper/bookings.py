"""Quotes, bookings, cancellations, and the details of refusals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.message import Message

from kerya.booking.v1 import booking_pb2, booking_service_pb2
from services.booking.domain.booking import Booking, State
from services.booking.domain.errors import NightsTaken
from services.booking.domain.payment import Payment, PaymentState
from services.booking.domain.policy import POLICIES, Party, Policy, Settlement
from services.booking.domain.pricing import Price
from services.booking.domain.quote import Quote
from services.booking.domain.stay import Stay
from services.booking.mapper.values import day, day_of, instant, money
from services.booking.usecases.view import BookingView
from services.chassis.etag import etag
from services.chassis.ids import to_typeid


def stay_of(request: booking_service_pb2.CreateQuoteRequest) -> Stay:
    """The stay that is asked for; it may be empty or reversed."""
    return Stay(day_of("check_in_date", request.check_in_date), day_of("check_out_date", request.check_out_date))


def side_of(side: booking_service_pb2.ListBookingsRequest.Side.ValueType) -> Party:
    """CLIENT unless HOST is asked for."""
    return Party.HOST if side == booking_service_pb2.ListBookingsRequest.HOST else Party.CLIENT


def state_of(state: booking_pb2.Booking.State.ValueType) -> State | None:
    """The state asked for; None for any."""
    return State(booking_pb2.Booking.State.Name(state)) if state else None


def quote(found: Quote, token: str) -> booking_pb2.Quote:
    """The quote with its token."""
    return booking_pb2.Quote(
        quote_id=to_typeid("quote", found.quote_id),
        property_id=to_typeid("property", found.property_id),
        property_title=found.property_title,
        check_in_date=day(found.stay.check_in),
        check_out_date=day(found.stay.check_out),
        guest_count=found.guest_count,
        time_zone=found.time_zone,
        nights=_nights(found.stay, found.price),
        fees=_fees(found.price),
        total=money(found.price.total),
        cancellation_policy=policy(POLICIES[found.policy, found.policy_version]),
        terms_version=found.terms_version,
        create_time=instant(found.created_at),
        expire_time=instant(found.expires_at),
        quote_token=token,
    )


def booking(found: BookingView, *, for_payer: bool, publishable_key: str) -> booking_pb2.Booking:
    """The booking; what is needed to pay only for the client who booked."""
    booked = found.booking
    message = booking_pb2.Booking(
        booking_id=to_typeid("booking", booked.booking_id),
        property_id=to_typeid("property", booked.property_id),
        property_title=booked.property_title,
        client_id=to_typeid("user", booked.client_id),
        host_id=to_typeid("user", booked.host_id),
        state=booking_pb2.Booking.State.Value(booked.state),
        check_in_date=day(booked.stay.check_in),
        check_out_date=day(booked.stay.check_out),
        guest_count=booked.guest_count,
        time_zone=booked.schedule.time_zone,
        nights=_nights(booked.stay, booked.price),
        fees=_fees(booked.price),
        total=money(booked.total),
        cancellation_policy=policy(booked.policy),
        quote_id=to_typeid("quote", booked.quote_id),
        message=booked.message,
        payment=_payment(found.payment, booked, publishable_key, for_payer=for_payer),
        cancellation=_cancellation(booked),
        create_time=instant(booked.created_at),
        update_time=instant(booked.updated_at),
        confirm_time=instant(booked.confirmed_at),
        etag=etag(booked.version),
    )
    if booked.state is State.HELD:
        message.hold_expire_time.FromDatetime(booked.hold_expires_at)
    return message


def _payment(found: Payment, booked: Booking, publishable_key: str, *, for_payer: bool) -> booking_pb2.Payment:
    payable = for_payer and found.is_pending
    return booking_pb2.Payment(
        payment_id=to_typeid("payment", found.payment_id),
        provider=booking_pb2.Payment.STRIPE,
        state=_PAYMENT_STATES[found.state],
        payment_intent_id=found.intent_id,
        client_secret=found.client_secret if payable else "",
        publishable_key=publishable_key if payable else "",
        amount=money(found.amount),
        refunded=money(found.refunded),
        expire_time=instant(booked.hold_expires_at),
    )


_PAYMENT_STATES = {
    PaymentState.PENDING: booking_pb2.Payment.PENDING,
    PaymentState.VOIDING: booking_pb2.Payment.CANCELLED,
    PaymentState.VOID: booking_pb2.Payment.CANCELLED,
    PaymentState.SUCCEEDED: booking_pb2.Payment.SUCCEEDED,
}


def _cancellation(booked: Booking) -> booking_pb2.Cancellation | None:
    ended = booked.cancellation
    if ended is None:
        return None
    return booking_pb2.Cancellation(
        cancelled_by=party(ended.by),
        reason=ended.reason,
        refund=money(ended.settlement.refund),
        kept=money(ended.settlement.kept),
        cancel_time=instant(ended.at),
    )


def party(value: Party) -> booking_pb2.Cancellation.Party.ValueType:
    """Who cancels."""
    return booking_pb2.Cancellation.Party.Value(value)


def preview(booking_id: str, by: Party, at: datetime, settled: Settlement) -> booking_pb2.CancellationPreview:
    """What cancelling would mean."""
    return booking_pb2.CancellationPreview(
        booking_id=booking_id,
        cancelled_by=party(by),
        at_time=instant(at),
        refund=money(settled.refund),
        kept=money(settled.kept),
        host_part=money(settled.host_part),
        platform_part=money(settled.platform_part),
        tier_index=-1 if settled.tier is None else settled.tier,
        tier_end_time=instant(settled.tier_ends_at),
    )


def policy(found: Policy) -> booking_pb2.CancellationPolicy:
    """The ladder."""
    return booking_pb2.CancellationPolicy(
        kind=booking_pb2.CancellationPolicy.Kind.Value(found.kind),
        version=found.version,
        tiers=[
            booking_pb2.CancellationPolicy.Tier(
                days_before_check_in=tier.days,
                hours_after_confirmation=tier.hours,
                kept_night_count=tier.kept_nights,
                refund_percent=tier.percent,
                service_fee_refunded=tier.service_fee,
            )
            for tier in found.tiers
        ],
    )


def details(error: Exception) -> Sequence[Message]:
    """The typed details of a refusal beyond the usual ones."""
    if not isinstance(error, NightsTaken):
        return ()
    return (
        booking_pb2.NightsTakenDetail(
            conflicts=[_dates(stay) for stay in error.conflicts],
            alternatives=[_dates(stay) for stay in error.alternatives],
        ),
    )


def _dates(stay: Stay) -> booking_pb2.StayDates:
    return booking_pb2.StayDates(check_in_date=day(stay.check_in), check_out_date=day(stay.check_out))


def _nights(stay: Stay, price: Price) -> list[booking_pb2.NightPrice]:
    return [
        booking_pb2.NightPrice(night=day(night), price=money(amount))
        for night, amount in zip(stay.nights(), price.nights, strict=True)
    ]


def _fees(price: Price) -> list[booking_pb2.Fee]:
    fees = ((booking_pb2.Fee.CLEANING, price.cleaning), (booking_pb2.Fee.SERVICE, price.service))
    return [booking_pb2.Fee(kind=kind, amount=money(amount)) for kind, amount in fees if amount]
