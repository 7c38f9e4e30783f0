"""Providers that are down, slow, full or strict; workers that die."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.api.httpbody_pb2 import HttpBody

from kerya.notification.v1.notification_service_pb2 import ListNotificationsRequest
from kerya.user.v1.user_events_pb2 import UserRegistered
from services.chassis.ids import from_typeid, new_id, to_typeid
from services.notification.webhooks import SIGNATURE, TIMESTAMP
from tests.integration.notification.stand import Stand, until


async def state(stand: Stand, user_id: str) -> tuple[str, str, str | None, int] | None:
    found = await stand.states(user_id)
    return found[0] if found else None


async def ends(stand: Stand, user_id: str, expected: str, seconds: float = 20.0) -> tuple[str, str, str | None, int]:
    async def there() -> bool:
        found = await state(stand, user_id)
        return found is not None and found[1] == expected

    await until(there, expected, seconds)
    found = await state(stand, user_id)
    assert found is not None
    return found


async def test_a_provider_that_comes_back_gets_the_mail_once(stand: Stand) -> None:
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", fail=2, status=503)
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    assert await ends(stand, user_id, "SENT") == ("WELCOME", "SENT", None, 3)
    assert len(await stand.mails(address)) == 1


async def test_a_provider_that_stays_down_is_given_up_visibly(stand: Stand) -> None:
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", fail=1.0, status=500)
    user_id, _ = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    assert await ends(stand, user_id, "FAILED") == ("WELCOME", "FAILED", "PROVIDER_UNAVAILABLE", 4)
    listed = await stand.stub.ListNotifications(
        ListNotificationsRequest(), metadata=stand.metadata(user_id), timeout=10
    )
    (delivery,) = listed.notifications[0].deliveries
    assert (delivery.state, delivery.failure, delivery.attempt_count) == (5, 1, 4)


async def test_a_mail_the_provider_refuses_is_not_tried_again(stand: Stand) -> None:
    user_id, _ = stand.user(email="not-an-address")
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    assert await ends(stand, user_id, "FAILED") == ("WELCOME", "FAILED", "PROVIDER_REFUSED", 1)


async def test_mails_wait_while_the_user_service_is_down(stand: Stand) -> None:
    stand.users.down = True
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))

    async def tried() -> bool:
        found = await state(stand, user_id)
        return found is not None and found[3] >= 1

    await until(tried, "a first attempt")
    stand.users.down = False
    await stand.mails(address)
    assert (await ends(stand, user_id, "SENT"))[1:3] == ("SENT", None)


async def test_a_worker_that_died_after_sending_sends_again_under_the_same_id(stand: Stand) -> None:
    """The provider cannot deduplicate; that it may have been twice must be seen, and both copies be one message."""
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await ends(stand, user_id, "SENT")
    # As a worker leaves it that was killed between the provider's answer and its own commit.
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    await stand.execute(
        "UPDATE delivery SET state = 'SENDING', due_at = :at FROM notification"
        " WHERE notification.notification_id = delivery.notification_id AND kind = 'WELCOME' AND user_id = :user",
        at=long_ago,
        user=from_typeid("user", user_id),
    )
    first, second = await stand.mails(address, 2)
    assert first["custom_args"] == second["custom_args"]
    assert first["headers"]["Message-ID"] == second["headers"]["Message-ID"]
    assert (await ends(stand, user_id, "SENT"))[3] == 2


async def test_two_workers_never_send_the_same(stand: Stand) -> None:
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", delay_ms=300)
    people = [stand.user() for _ in range(12)]
    for user_id, _ in people:
        await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    for _, address in people:
        await stand.mails(address)
    await asyncio.sleep(0.5)
    inboxes = await asyncio.to_thread(lambda: [stand.sandbox.inbox(address) for _, address in people])
    assert [len(inbox) for inbox in inboxes] == [1] * 12


def _signed(stand: Stand, body: bytes, at: int | None = None) -> tuple[tuple[str, str], ...]:
    assert stand.settings.secrets_directory is not None
    pem = (stand.settings.secrets_directory / "sendgrid_webhook_signing_key.pem").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    stamp = str(at or int(time.time()))
    signature = base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    return ((SIGNATURE, signature), (TIMESTAMP, stamp), ("x-forwarded-for", "10.9.9.9"))


async def _report(stand: Stand, *events: dict[str, Any]) -> None:
    body = json.dumps(events).encode()
    await stand.stub.ReceiveSendgridEvents(HttpBody(data=body), metadata=_signed(stand, body), timeout=10)


async def test_the_providers_reports_are_believed_once_and_in_any_order(stand: Stand) -> None:
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    delivery_id = (await stand.mails(address))[0]["custom_args"]["delivery_id"]
    await ends(stand, user_id, "SENT")
    arrived = {"event": "delivered", "delivery_id": delivery_id, "email": address}
    await _report(stand, {"event": "processed", "delivery_id": delivery_id}, arrived, arrived, {"event": "delivered"})
    assert (await ends(stand, user_id, "DELIVERED"))[2] is None
    await _report(stand, {"event": "bounce", "delivery_id": delivery_id})
    await _report(stand, arrived, {"event": "delivered", "delivery_id": to_typeid("delivery", new_id())})
    assert await ends(stand, user_id, "FAILED") == ("WELCOME", "FAILED", "BOUNCED", 1)


async def test_a_report_may_overtake_the_workers_own_commit(stand: Stand) -> None:
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", delay_ms=1500, times=1)
    user_id, address = stand.user()
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await ends(stand, user_id, "SENDING")
    rows = await stand.rows(
        "SELECT delivery_id FROM delivery JOIN notification USING (notification_id) WHERE user_id = :user",
        user=from_typeid("user", user_id),
    )
    delivery_id = to_typeid("delivery", rows[0].delivery_id)
    await _report(stand, {"event": "delivered", "delivery_id": delivery_id})
    await stand.mails(address)
    await asyncio.sleep(0.3)
    assert await state(stand, user_id) == ("WELCOME", "DELIVERED", None, 1)
    payloads = await stand.rows(
        "SELECT payload FROM outbox WHERE type = 'kerya.notification.v1.NotificationSent' AND aggregate = :id",
        id=delivery_id,
    )
    assert len(payloads) == 1


@pytest.mark.parametrize("forgery", ["body", "old", "future", "none", "nonsense"])
async def test_a_forged_report_is_refused(stand: Stand, forgery: str) -> None:
    body = b'[{"event": "bounce"}]'
    metadata = {
        "body": _signed(stand, b"[]"),
        "old": _signed(stand, body, int(time.time()) - 3600),
        "future": _signed(stand, body, int(time.time()) + 3600),
        "none": (("x-forwarded-for", "10.9.9.9"),),
        "nonsense": ((SIGNATURE, "%%%"), (TIMESTAMP, "soon"), ("x-forwarded-for", "10.9.9.9")),
    }[forgery]
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stand.stub.ReceiveSendgridEvents(HttpBody(data=body), metadata=metadata, timeout=10)
    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_signed_body_that_is_no_report_is_refused(stand: Stand) -> None:
    for body in (b"{}", b"[1]", b"not json"):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stand.stub.ReceiveSendgridEvents(HttpBody(data=body), metadata=_signed(stand, body), timeout=10)
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_logs_name_no_one(stand: Stand, capfd: pytest.CaptureFixture[str]) -> None:
    stand.sandbox.knob(provider="sendgrid", operation="mail.send", fail=1, status=400)
    user_id, address = stand.user(name="Zoulikha Unforgettable")
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await ends(stand, user_id, "FAILED")
    shown = "".join(capfd.readouterr())
    assert address not in shown and "Unforgettable" not in shown
