"""Messages of the contract <-> the domain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypeVar
from uuid import UUID

from babel.numbers import get_currency_precision
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money as MoneyMessage

from kerya.booking.v1 import booking_events_pb2 as booking
from kerya.booking.v1.booking_pb2 import Cancellation
from kerya.notification.v1 import notification_events_pb2 as events
from kerya.notification.v1 import notification_pb2 as pb
from kerya.notification.v1 import notification_service_pb2 as service
from kerya.user.v1 import user_events_pb2 as user
from kerya.user.v1.user_pb2 import EmailPurpose
from services.chassis.errors import invalid
from services.chassis.etag import etag
from services.chassis.ids import from_typeid, to_typeid
from services.notification.domain.delivery import Channel, Delivery
from services.notification.domain.device import Device, Platform
from services.notification.domain.events import NotificationFailed, NotificationSent
from services.notification.domain.notification import Kind, Money, Notice, Notification, Topic, Value, Values
from services.notification.domain.preferences import SWITCHABLE, Preferences, Switch
from services.notification.rendering import Digest

CLIENT, HOST = "CLIENT", "HOST"
NANOS_DIGITS = 9
_FIELDS = {"email": Channel.EMAIL, "push": Channel.PUSH, "sms": Channel.SMS}
_PURPOSES = {
    EmailPurpose.VERIFY_EMAIL: Kind.EMAIL_VERIFICATION,
    EmailPurpose.CHANGE_EMAIL: Kind.EMAIL_CHANGE,
    EmailPurpose.RESET_PASSWORD: Kind.PASSWORD_RESET,
    EmailPurpose.ACCOUNT_EXISTS: Kind.ACCOUNT_EXISTS,
}

Stay = TypeVar("Stay", booking.BookingConfirmed, booking.BookingCancelled, booking.BookingExpired)


# Events of the others -> whom to tell what.


def registered(event: user.UserRegistered) -> list[Notice]:
    return [Notice(from_typeid("user", event.user_id), Kind.WELCOME)]


def email_requested(event: user.EmailVerificationRequested) -> list[Notice]:
    """Nothing for a purpose this version does not know."""
    kind = _PURPOSES.get(event.purpose)
    values = {"verification_id": event.verification_id}
    return [] if kind is None else [Notice(from_typeid("user", event.user_id), kind, values)]


def session_revoked(event: user.SessionRevoked) -> list[Notice]:
    """Only a stolen session is worth a message: all other ends were asked for."""
    if event.cause != user.SessionRevoked.TOKEN_REUSED:
        return []
    return [Notice(from_typeid("user", event.user_id), Kind.SESSION_COMPROMISED)]


def confirmed(event: booking.BookingConfirmed) -> list[Notice]:
    values = {**_stay(event), "guest_count": event.guest_count, "total": money(event.total)}
    return [
        _about(event, event.client_id, Kind.BOOKING_CONFIRMED, values),
        _about(event, event.host_id, Kind.BOOKING_RECEIVED, values),
    ]


def cancelled(event: booking.BookingCancelled) -> list[Notice]:
    by = Cancellation.Party.Name(event.cancelled_by)
    values = {**_stay(event), "cancelled_by": by, "refund": money(event.refund, event.total.currency_code)}
    return [
        _about(event, event.client_id, Kind.BOOKING_CANCELLED, {**values, "recipient": CLIENT}),
        _about(event, event.host_id, Kind.BOOKING_CANCELLED, {**values, "recipient": HOST}),
    ]


def expired(event: booking.BookingExpired) -> list[Notice]:
    """The client only: the host was never told of the hold."""
    return [_about(event, event.client_id, Kind.BOOKING_EXPIRED, _stay(event))]


def refunded(event: booking.PaymentRefunded) -> list[Notice]:
    """Always the client; the host too where no cancellation told of it already."""
    reason = booking.PaymentRefunded.Reason.Name(event.reason)
    told = [(event.client_id, CLIENT)]
    if event.reason != booking.PaymentRefunded.CANCELLED:
        told.append((event.host_id, HOST))
    values: Values = {
        "property_title": event.property_title,
        "amount": money(event.amount),
        "reason": reason,
        "booking_id": event.booking_id,
    }
    booking_id = from_typeid("booking", event.booking_id)
    return [
        Notice(from_typeid("user", user_id), Kind.PAYMENT_REFUNDED, {**values, "recipient": recipient}, booking_id)
        for user_id, recipient in told
    ]


def _about(event: Stay, user_id: str, kind: Kind, values: Values) -> Notice:
    return Notice(
        from_typeid("user", user_id),
        kind,
        values,
        from_typeid("booking", event.booking_id),
        from_typeid("property", event.property_id),
    )


def _stay(event: Stay) -> dict[str, Value]:
    return {
        "property_title": event.property_title,
        "check_in_date": day(event.check_in_date),
        "check_out_date": day(event.check_out_date),
        "booking_id": event.booking_id,
        "property_id": event.property_id,
    }


def day(message: Date) -> date:
    return date(message.year, message.month, message.day)


def money(message: MoneyMessage, currency: str = "") -> Money:
    """In minor units; `currency` where an amount of zero was sent without one."""
    code = message.currency_code or currency
    digits = get_currency_precision(code)
    minor = message.units * 10**digits + message.nanos // 10 ** (NANOS_DIGITS - digits)
    return Money(minor, code)


# The domain -> the public face.


def notification(entry: Notification, digest: Digest, deliveries: Iterable[Delivery]) -> pb.Notification:
    return pb.Notification(
        notification_id=to_typeid("notification", entry.notification_id),
        user_id=to_typeid("user", entry.user_id),
        kind=pb.Notification.Kind.Value(entry.kind.value),
        title=digest.title,
        body=digest.body,
        booking_id=_optional("booking", entry.booking_id),
        property_id=_optional("property", entry.property_id),
        create_time=_timestamp(entry.created_at.timestamp()),
        read_time=_timestamp(entry.read_at.timestamp()) if entry.read_at else None,
        deliveries=[delivery(one) for one in deliveries],
    )


def delivery(entry: Delivery) -> pb.Delivery:
    failure = pb.Delivery.Failure.Value(entry.failure.value) if entry.failure else pb.Delivery.FAILURE_UNSPECIFIED
    return pb.Delivery(
        delivery_id=to_typeid("delivery", entry.delivery_id),
        channel=pb.Channel.Value(entry.channel.value),
        state=pb.Delivery.State.Value(entry.state.value),
        failure=failure,
        attempt_count=entry.attempt_count,
        update_time=_timestamp(entry.updated_at.timestamp()),
    )


def preferences(entry: Preferences) -> pb.NotificationPreferences:
    channels = {
        topic.value: pb.NotificationPreferences.Channels(
            **{name: entry.on(topic, channel) for name, channel in _FIELDS.items()}
        )
        for topic in SWITCHABLE
    }
    return pb.NotificationPreferences(user_id=to_typeid("user", entry.user_id), etag=etag(entry.version), **channels)


def switches(request: service.UpdateNotificationPreferencesRequest) -> dict[Switch, bool]:
    """What the update sets: the switches its mask names, or, without a mask, all that are present."""
    paths = [path for path in request.update_mask.paths if path != "etag"] or [topic.value for topic in SWITCHABLE]
    return {switch: on for path in paths for switch, on in _switches(request.preferences, path).items()}


def _switches(values: pb.NotificationPreferences, path: str) -> dict[Switch, bool]:
    topic_name, _, field = path.partition(".")
    if topic_name not in SWITCHABLE or (field and field not in _FIELDS):
        raise invalid("update_mask", f"{path} is not a topic or switch")
    channels = getattr(values, topic_name)
    topic = Topic(topic_name)
    if field:
        return {(topic, _FIELDS[field]): getattr(channels, field)}
    return {(topic, channel): getattr(channels, name) for name, channel in _FIELDS.items() if channels.HasField(name)}


def device(entry: Device) -> pb.Device:
    return pb.Device(
        device_id=to_typeid("device", entry.device_id),
        user_id=to_typeid("user", entry.user_id),
        platform=pb.Device.Platform.Value(entry.platform.value),
        display_name=entry.display_name,
        create_time=_timestamp(entry.created_at.timestamp()),
    )


def platform(request: service.CreateDeviceRequest) -> Platform:
    return Platform(pb.Device.Platform.Name(request.platform))


def event(entry: NotificationSent | NotificationFailed) -> Message:
    """The message that goes out for a domain event."""
    message = events.NotificationSent() if isinstance(entry, NotificationSent) else events.NotificationFailed()
    message.notification_id = to_typeid("notification", entry.notification_id)
    message.delivery_id = to_typeid("delivery", entry.delivery_id)
    message.user_id = to_typeid("user", entry.user_id)
    message.kind = pb.Notification.Kind.Value(entry.kind.value)
    message.channel = pb.Channel.Value(entry.channel.value)
    message.attempt_count = entry.attempt_count
    if isinstance(entry, NotificationFailed) and isinstance(message, events.NotificationFailed):
        message.failure = pb.Delivery.Failure.Value(entry.failure.value)
    return message


def _optional(prefix: str, identifier: UUID | None) -> str:
    return to_typeid(prefix, identifier) if identifier else ""


def _timestamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMicroseconds(round(seconds * 1_000_000))
    return stamp
