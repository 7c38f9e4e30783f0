"""Events of the others -> whom to tell what."""

from __future__ import annotations

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money as MoneyMessage

from kerya.booking.v1.booking_events_pb2 import BookingCancelled, BookingConfirmed, PaymentRefunded
from kerya.booking.v1.booking_pb2 import Cancellation
from kerya.notification.v1.notification_pb2 import NotificationPreferences
from kerya.notification.v1.notification_service_pb2 import UpdateNotificationPreferencesRequest
from kerya.user.v1.user_events_pb2 import EmailVerificationRequested, SessionRevoked
from services.chassis.errors import ChassisRefusal
from services.chassis.ids import new_id, to_typeid
from services.notification import mapper
from services.notification.domain.delivery import Channel
from services.notification.domain.notification import Kind, Money, Topic

CLIENT, HOST = new_id(), new_id()
ABOUT = {
    "booking_id": to_typeid("booking", new_id()),
    "client_id": to_typeid("user", CLIENT),
    "host_id": to_typeid("user", HOST),
    "property_id": to_typeid("property", new_id()),
    "property_title": "Dar El Bahr",
    "check_in_date": Date(year=2027, month=3, day=4),
    "check_out_date": Date(year=2027, month=3, day=7),
}


def test_a_confirmation_tells_client_and_host() -> None:
    total = MoneyMessage(currency_code="DZD", units=36_000, nanos=500_000_000)
    notices = mapper.confirmed(BookingConfirmed(**ABOUT, guest_count=2, total=total))
    assert [(notice.user_id, notice.kind) for notice in notices] == [
        (CLIENT, Kind.BOOKING_CONFIRMED),
        (HOST, Kind.BOOKING_RECEIVED),
    ]
    assert notices[0].values["total"] == Money(3_600_050, "DZD")


def test_no_refund_is_zero_in_the_bookings_currency() -> None:
    event = BookingCancelled(
        **ABOUT, total=MoneyMessage(currency_code="TND", units=5), cancelled_by=Cancellation.Party.HOST
    )
    assert {notice.values["refund"] for notice in mapper.cancelled(event)} == {Money(0, "TND")}


@pytest.mark.parametrize(
    ("reason", "told"), [(PaymentRefunded.CANCELLED, [CLIENT]), (PaymentRefunded.PAID_LATE, [CLIENT, HOST])]
)
def test_a_refund_tells_the_host_only_what_is_new(reason: PaymentRefunded.Reason, told: list[object]) -> None:
    about = {name: ABOUT[name] for name in ("booking_id", "client_id", "host_id", "property_title")}
    event = PaymentRefunded(**about, amount=MoneyMessage(currency_code="DZD", units=1), reason=reason)
    assert [notice.user_id for notice in mapper.refunded(event)] == told


def test_what_this_version_does_not_know_tells_nobody() -> None:
    user_id = to_typeid("user", CLIENT)
    unknown = EmailVerificationRequested(user_id=user_id, verification_id="verification_x", purpose=99)
    assert mapper.email_requested(unknown) == []
    assert mapper.session_revoked(SessionRevoked(user_id=user_id, cause=SessionRevoked.LOGGED_OUT)) == []


@pytest.mark.parametrize(
    ("code", "units", "nanos", "minor"),
    [("DZD", 1, 10_000_000, 101), ("JPY", 5, 0, 5), ("KWD", 1, 234_000_000, 1_234), ("EUR", 0, 0, 0)],
)
def test_money_in_minor_units(code: str, units: int, nanos: int, minor: int) -> None:
    assert mapper.money(MoneyMessage(currency_code=code, units=units, nanos=nanos)) == Money(minor, code)


def update(*paths: str) -> UpdateNotificationPreferencesRequest:
    wanted = NotificationPreferences(
        bookings=NotificationPreferences.Channels(email=False), posts=NotificationPreferences.Channels(sms=True)
    )
    return UpdateNotificationPreferencesRequest(preferences=wanted, update_mask=FieldMask(paths=paths))


def test_an_update_takes_what_its_mask_names() -> None:
    email, sms = (Topic.BOOKINGS, Channel.EMAIL), (Topic.POSTS, Channel.SMS)
    assert mapper.switches(update()) == {email: False, sms: True}
    assert mapper.switches(update("bookings")) == {email: False}
    assert mapper.switches(update("bookings.email", "posts.sms")) == {email: False, sms: True}
    assert mapper.switches(update("posts.email")) == {(Topic.POSTS, Channel.EMAIL): False}
    for wrong in ("account", "bookings.fax", "user_id", "*"):
        with pytest.raises(ChassisRefusal):
            mapper.switches(update(wrong))
