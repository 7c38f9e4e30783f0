"""From an event on the bus to the e-mail at the provider."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from kerya.booking.v1.booking_events_pb2 import BookingCancelled, BookingConfirmed, BookingExpired, PaymentRefunded
from kerya.booking.v1.booking_pb2 import Cancellation
from kerya.notification.v1.notification_events_pb2 import NotificationFailed, NotificationSent
from kerya.user.v1.auth_service_pb2 import IssueEmailTokenResponse
from kerya.user.v1.user_events_pb2 import EmailVerificationRequested, SessionRevoked, UserDeleted, UserRegistered
from kerya.user.v1.user_pb2 import EmailPurpose
from services.chassis.ids import from_typeid, new_id, to_typeid
from tests.integration.notification.stand import Stand, until


def stay(client: str, host: str, **more: Any) -> dict[str, Any]:
    return {
        "booking_id": to_typeid("booking", new_id()),
        "client_id": client,
        "host_id": host,
        "property_id": to_typeid("property", new_id()),
        "property_title": "Dar El Bahr",
        "check_in_date": Date(year=2027, month=3, day=4),
        "check_out_date": Date(year=2027, month=3, day=7),
        "guest_count": 2,
        "total": Money(currency_code="DZD", units=36_000),
        "version": 2,
    } | more


async def outgoing(stand: Stand, message: Any, user_id: str) -> list[Any]:
    rows = await stand.rows("SELECT payload FROM outbox WHERE type = :type", type=message.DESCRIPTOR.full_name)
    found = [message.FromString(row.payload) for row in rows]
    return [event for event in found if event.user_id == user_id]


async def test_client_and_host_are_told_of_a_booking_each_in_their_language(stand: Stand) -> None:
    client, client_mail = stand.user("fr", "Yasmine")
    host, host_mail = stand.user("ar", "كريم")
    about = stay(client, host)
    await stand.publish(BookingConfirmed(**about))

    (to_client,), (to_host,) = await stand.mails(client_mail), await stand.mails(host_mail)
    assert to_client["subject"] == "Votre réservation est confirmée : Dar El Bahr"
    assert "Bonjour Yasmine," in to_client["text"] and "jeudi 4 mars 2027" in to_client["text"]
    assert about["booking_id"] in to_client["text"]
    assert to_host["subject"] == "حجز جديد: Dar El Bahr"
    assert 'dir="rtl"' in to_host["html"] and "كريم" in to_host["text"]
    assert to_host["headers"]["List-Unsubscribe"].startswith("<https://")

    async def told() -> bool:
        return len(await outgoing(stand, NotificationSent, client)) == 1

    await until(told, "notification.sent")
    assert await stand.states(client) == [("BOOKING_CONFIRMED", "SENT", None, 1)]
    assert await stand.states(host) == [("BOOKING_RECEIVED", "SENT", None, 1)]


async def test_an_event_delivered_twice_is_told_once(stand: Stand) -> None:
    client, client_mail = stand.user()
    host, _ = stand.user()
    event = BookingConfirmed(**stay(client, host))
    event_id = await stand.publish(event)
    await stand.mails(client_mail)
    # Another message id: the stream itself takes it for new, as after its dedupe window.
    await stand.publish(event, event_id, message_id="again")
    # One more event behind it shows that the repetition was worked on.
    other = stay(client, host, booking_id=event.booking_id)
    await stand.publish(BookingCancelled(**other, cancelled_by=Cancellation.Party.CLIENT, refund=Money()))
    await stand.mails(client_mail, 2)
    assert [kind for kind, *_ in await stand.states(client)] == ["BOOKING_CONFIRMED", "BOOKING_CANCELLED"]
    assert len(await asyncio.to_thread(stand.sandbox.inbox, client_mail)) == 2


async def test_a_cancellation_says_who_and_how_much(stand: Stand) -> None:
    client, client_mail = stand.user()
    host, host_mail = stand.user()
    refund = Money(currency_code="DZD", units=18_000, nanos=500_000_000)
    await stand.publish(BookingCancelled(**stay(client, host), cancelled_by=Cancellation.Party.CLIENT, refund=refund))
    (to_client,), (to_host,) = await stand.mails(client_mail), await stand.mails(host_mail)
    assert "You cancelled the booking of Dar El Bahr." in to_client["text"]
    assert "Refund to you: DZD18,000.50" in to_client["text"]
    assert "The guest cancelled" in to_host["text"]


async def test_a_hold_that_ran_out_concerns_the_client_alone(stand: Stand) -> None:
    client, client_mail = stand.user()
    host, _ = stand.user()
    await stand.publish(BookingExpired(**stay(client, host)))
    (mail,) = await stand.mails(client_mail)
    assert "was not completed" in mail["subject"]
    assert await stand.states(host) == []


@pytest.mark.parametrize(("reason", "host_told"), [("CANCELLED", False), ("PAID_LATE", True)])
async def test_a_refund_is_told_to_whom_it_concerns(stand: Stand, reason: str, host_told: bool) -> None:
    client, client_mail = stand.user()
    host, host_mail = stand.user()
    event = PaymentRefunded(
        payment_id=to_typeid("payment", new_id()),
        booking_id=to_typeid("booking", new_id()),
        client_id=client,
        host_id=host,
        amount=Money(currency_code="DZD", units=36_000),
        reason=PaymentRefunded.Reason.Value(reason),
        property_title="Dar El Bahr",
    )
    await stand.publish(event)
    (mail,) = await stand.mails(client_mail)
    assert "DZD36,000.00" in mail["text"]
    if host_told:
        assert "went back to the guest" in (await stand.mails(host_mail))[0]["text"]
    assert len(await stand.states(host)) == int(host_told)


@pytest.mark.parametrize(
    ("purpose", "link"),
    [
        ("VERIFY_EMAIL", "/verify-email?token="),
        ("RESET_PASSWORD", "/reset-password?token="),
        ("ACCOUNT_EXISTS", "/login"),
    ],
)
async def test_the_token_is_made_for_the_mail_and_kept_nowhere(stand: Stand, purpose: str, link: str) -> None:
    user_id, _ = stand.user(email="old@example.dz")
    address = f"{purpose.lower()}@example.dz"
    verification_id = to_typeid("verification", new_id())
    secret = "" if purpose == "ACCOUNT_EXISTS" else f"s3cret-{purpose}"
    stand.users.tokens[verification_id] = IssueEmailTokenResponse(
        email=address, token=secret, purpose=EmailPurpose.Value(purpose), expire_time=Timestamp(seconds=1_900_000_000)
    )
    await stand.publish(
        EmailVerificationRequested(
            user_id=user_id, verification_id=verification_id, purpose=EmailPurpose.Value(purpose), locale="en"
        )
    )
    (mail,) = await stand.mails(address)
    assert re.search(re.escape(f"https://localhost:8443{link}{secret}"), mail["text"])
    assert "List-Unsubscribe" not in mail["headers"]
    stored = await stand.rows(
        'SELECT "values"::text AS v FROM notification WHERE user_id = :u', u=from_typeid("user", user_id)
    )
    assert "s3cret" not in stored[0].v and "@" not in stored[0].v


async def test_a_used_up_token_ends_its_mail_visibly(stand: Stand) -> None:
    user_id, _ = stand.user()
    event = EmailVerificationRequested(
        user_id=user_id, verification_id=to_typeid("verification", new_id()), purpose=EmailPurpose.VERIFY_EMAIL
    )
    await stand.publish(event)
    await until(lambda: _failed(stand, user_id), "given up")
    assert await stand.states(user_id) == [("EMAIL_VERIFICATION", "FAILED", "CONTENT_STALE", 1)]
    (told,) = await outgoing(stand, NotificationFailed, user_id)
    assert told.failure == 6


async def test_a_message_with_a_hole_is_not_sent(stand: Stand) -> None:
    client, client_mail = stand.user()
    host, _ = stand.user()
    await stand.publish(BookingConfirmed(**stay(client, host, property_title="")))
    await until(lambda: _failed(stand, client), "given up")
    assert await stand.states(client) == [("BOOKING_CONFIRMED", "FAILED", "CONTENT_INCOMPLETE", 1)]
    assert await asyncio.to_thread(stand.sandbox.inbox, client_mail) == []


async def test_somebody_who_left_gets_nothing(stand: Stand) -> None:
    client, host = to_typeid("user", new_id()), stand.user()[0]
    await stand.publish(BookingExpired(**stay(client, host)))
    await until(lambda: _failed(stand, client), "given up")
    assert await stand.states(client) == [("BOOKING_EXPIRED", "FAILED", "RECIPIENT_UNREACHABLE", 1)]


async def test_what_a_host_writes_stays_text(stand: Stand) -> None:
    client, client_mail = stand.user()
    host, _ = stand.user()
    title = "Villa {{ 7*7 }} <script>alert(1)</script>\r\nBcc: all@example.dz"
    await stand.publish(BookingConfirmed(**stay(client, host, property_title=title)))
    (mail,) = await stand.mails(client_mail)
    assert "{{ 7*7 }}" in mail["subject"] and "\n" not in mail["subject"]
    assert "<script>" not in mail["html"] and "&lt;script&gt;" in mail["html"]


async def test_a_stolen_session_is_told_an_ended_one_is_not(stand: Stand) -> None:
    user_id, address = stand.user()
    for cause in (SessionRevoked.LOGGED_OUT, SessionRevoked.TOKEN_REUSED):
        await stand.publish(SessionRevoked(user_id=user_id, session_id=to_typeid("session", new_id()), cause=cause))
    await stand.mails(address)
    assert [kind for kind, *_ in await stand.states(user_id)] == ["SESSION_COMPROMISED"]


async def test_a_deleted_account_leaves_nothing_behind(stand: Stand) -> None:
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await stand.mails(address)
    await stand.publish(UserDeleted(user_id=user_id))

    async def gone() -> bool:
        return await stand.states(user_id) == []

    await until(gone, "everything is deleted")


async def _failed(stand: Stand, user_id: str) -> bool:
    return any(state == "FAILED" for _, state, *_ in await stand.states(user_id))
