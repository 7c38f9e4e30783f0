"""Domain events to the contract's."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from kerya.booking.v1 import booking_events_pb2 as events_pb2
from services.booking.domain import events
from services.booking.domain.booking import Booking
from services.booking.domain.payment import Payment
from services.booking.mapper.bookings import party
from services.booking.mapper.values import day, instant, money
from services.chassis.ids import to_typeid


def event(happened: events.Event) -> Message:
    """The message of a domain event."""
    match happened:
        case events.BookingHeld(booked):
            held_until = instant(booked.hold_expires_at)
            return events_pb2.BookingHeld(**_facts(booked), hold_expire_time=held_until)
        case events.BookingConfirmed(booked):
            return events_pb2.BookingConfirmed(**_facts(booked))
        case events.BookingCancelled(booked):
            return _cancelled(booked)
        case events.BookingExpired(booked):
            return events_pb2.BookingExpired(**_facts(booked))
        case events.BookingCompleted(booked):
            return events_pb2.BookingCompleted(**_facts(booked))
        case events.NightsTaken(taking):
            return events_pb2.NightsTaken(**_taking(taking))
        case events.NightsReleased(taking):
            return events_pb2.NightsReleased(**_taking(taking))
        case events.PaymentSucceeded(booked, payment):
            return events_pb2.PaymentSucceeded(**_paid(booked, payment), amount=money(payment.amount))
        case events.PaymentRefunded(booked, payment, refund):
            return events_pb2.PaymentRefunded(
                **_paid(booked, payment),
                amount=money(refund.amount),
                reason=events_pb2.PaymentRefunded.Reason.Value(refund.reason),
                refund_id=to_typeid("refund", refund.refund_id),
                property_title=booked.property_title,
            )


def _cancelled(booked: Booking) -> Message:
    ended = booked.cancellation
    assert ended is not None  # a cancelled booking says how
    refund = money(ended.settlement.refund)
    return events_pb2.BookingCancelled(**_facts(booked), cancelled_by=party(ended.by), refund=refund)


def _facts(booked: Booking) -> dict[str, Any]:
    return {
        "booking_id": to_typeid("booking", booked.booking_id),
        "client_id": to_typeid("user", booked.client_id),
        "host_id": to_typeid("user", booked.host_id),
        "property_id": to_typeid("property", booked.property_id),
        "property_title": booked.property_title,
        "check_in_date": day(booked.stay.check_in),
        "check_out_date": day(booked.stay.check_out),
        "guest_count": booked.guest_count,
        "total": money(booked.total),
        "version": booked.version,
    }


def _taking(taking: events.Taking) -> dict[str, Any]:
    return {
        "property_id": to_typeid("property", taking.property_id),
        "first_night": day(taking.nights.check_in),
        "last_night": day(taking.nights.last_night),
        "cause": events_pb2.NightsTaken.Cause.Value(taking.cause),
        "holder_id": to_typeid(_HOLDERS[taking.cause], taking.holder_id),
        "version": taking.version,
    }


_HOLDERS = {
    events.NightsCause.BOOKING: "booking",
    events.NightsCause.BLOCK: "block",
    events.NightsCause.IMPORT: "calendar_feed",
}


def _paid(booked: Booking, payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": to_typeid("payment", payment.payment_id),
        "booking_id": to_typeid("booking", booked.booking_id),
        "client_id": to_typeid("user", booked.client_id),
        "host_id": to_typeid("user", booked.host_id),
        "version": payment.version,
    }
