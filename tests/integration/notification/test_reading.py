"""What users see and set through the RPCs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from kerya.booking.v1.booking_events_pb2 import BookingConfirmed
from kerya.notification.v1 import notification_service_pb2 as service
from kerya.notification.v1.notification_pb2 import Device, Notification, NotificationPreferences
from kerya.user.v1.user_events_pb2 import UserRegistered
from services.chassis.ids import from_typeid, new_id, to_typeid
from tests.integration.notification.stand import Stand, until
from tests.integration.notification.test_notifying import stay

Channels = NotificationPreferences.Channels


@asynccontextmanager
async def refused(code: grpc.StatusCode) -> AsyncIterator[None]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        yield
    assert refusal.value.code() is code


class Reader:
    """A user who calls the RPCs."""

    def __init__(self, stand: Stand, user_id: str) -> None:
        self.stand = stand
        self.user_id = user_id

    async def __call__(self, rpc: str, request: Any, **metadata: str) -> Any:
        call = getattr(self.stand.stub, rpc)
        return await call(request, metadata=self.stand.metadata(self.user_id, **metadata), timeout=10)

    async def listed(self, **fields: Any) -> service.ListNotificationsResponse:
        return await self("ListNotifications", service.ListNotificationsRequest(**fields))

    async def told(self, number: int) -> None:
        async def there() -> bool:
            return len((await self.listed(page_size=100)).notifications) >= number

        await until(there, f"{number} notifications")


async def test_the_list_has_pages_and_counts_what_is_unread(stand: Stand) -> None:
    user_id, _ = stand.user()
    reader, other = Reader(stand, user_id), stand.user()[0]
    bookings = [stay(user_id, other, property_title=f"Place {n}") for n in range(5)]
    for about in bookings:
        await stand.publish(BookingConfirmed(**about))
    await reader.told(5)
    seen: list[Notification] = []
    token = ""
    while True:
        page = await reader.listed(page_size=2, page_token=token)
        assert page.unread_count == 5
        seen += page.notifications
        token = page.next_page_token
        if not token:
            break
    assert len({entry.notification_id for entry in seen}) == 5
    assert [entry.notification_id for entry in seen] == sorted((e.notification_id for e in seen), reverse=True)
    assert {entry.booking_id for entry in seen} == {about["booking_id"] for about in bookings}

    first_page = await reader.listed(page_size=2)
    async with refused(grpc.StatusCode.INVALID_ARGUMENT):
        await Reader(stand, other).listed(page_size=2, page_token=first_page.next_page_token)
    async with refused(grpc.StatusCode.INVALID_ARGUMENT):
        await reader.listed(page_size=2, page_token=first_page.next_page_token, unread_only=True)


@pytest.mark.parametrize(
    ("language", "title"),
    [("ar", "مرحبا بك في Kerya"), ("fr-DZ,fr;q=0.9", "Bienvenue chez Kerya"), ("en", "Welcome to Kerya")],
)
async def test_the_list_speaks_the_callers_language(stand: Stand, language: str, title: str) -> None:
    user_id, _ = stand.user("fr")
    reader = Reader(stand, user_id)
    await stand.publish(UserRegistered(user_id=user_id, locale="fr"))
    await reader.told(1)
    listed = await reader("ListNotifications", service.ListNotificationsRequest(), accept_language=language)
    assert listed.notifications[0].title == title


async def test_reading_counts_once_and_only_for_its_owner(stand: Stand) -> None:
    user_id, _ = stand.user()
    reader, stranger = Reader(stand, user_id), Reader(stand, stand.user()[0])
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await reader.told(1)
    request = service.ReadNotificationRequest(notification_id=(await reader.listed()).notifications[0].notification_id)
    async with refused(grpc.StatusCode.NOT_FOUND):
        await stranger("ReadNotification", request)
    first = await reader("ReadNotification", request)
    again = await reader("ReadNotification", request)
    assert first.HasField("read_time") and again.read_time == first.read_time
    assert (await reader.listed()).unread_count == 0
    assert list((await reader.listed(unread_only=True)).notifications) == []


async def test_a_notification_with_a_hole_does_not_hide_the_others(stand: Stand) -> None:
    user_id, _ = stand.user()
    reader = Reader(stand, user_id)
    await stand.publish(BookingConfirmed(**stay(user_id, stand.user()[0], property_title="")))
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await reader.told(2)
    titles = {entry.title for entry in (await reader.listed()).notifications}
    assert titles == {"Welcome to Kerya", "A notification that cannot be shown"}


async def test_a_switch_that_is_off_stops_the_mail_and_keeps_the_entry(stand: Stand) -> None:
    user_id, _ = stand.user()
    reader = Reader(stand, user_id)
    changed = await reader(
        "UpdateNotificationPreferences",
        service.UpdateNotificationPreferencesRequest(
            preferences=NotificationPreferences(bookings=Channels(email=False)),
            update_mask=FieldMask(paths=["bookings.email"]),
        ),
    )
    assert (changed.bookings.email, changed.bookings.push, changed.payments.email) == (False, True, True)
    await stand.publish(BookingConfirmed(**stay(user_id, stand.user()[0])))
    await reader.told(1)
    assert list((await reader.listed()).notifications[0].deliveries) == []
    # What concerns the account has no switch.
    await stand.publish(UserRegistered(user_id=user_id, locale="en"))
    await reader.told(2)
    assert len((await reader.listed()).notifications[0].deliveries) == 1


async def test_preferences_change_only_as_seen_and_as_named(stand: Stand) -> None:
    reader = Reader(stand, stand.user()[0])
    seen = await reader("GetNotificationPreferences", service.GetNotificationPreferencesRequest())
    assert (seen.messages.email, seen.messages.push, seen.messages.sms) == (True, True, False)

    def update(etag: str = "", paths: list[str] | None = None) -> service.UpdateNotificationPreferencesRequest:
        wanted = NotificationPreferences(messages=Channels(sms=True), reviews=Channels(email=False), etag=etag)
        mask = FieldMask(paths=paths) if paths else None
        return service.UpdateNotificationPreferencesRequest(preferences=wanted, update_mask=mask)

    changed = await reader("UpdateNotificationPreferences", update(seen.etag, ["messages"]))
    assert changed.messages.sms and changed.messages.email and changed.reviews.email
    async with refused(grpc.StatusCode.ABORTED):
        await reader("UpdateNotificationPreferences", update(seen.etag))
    async with refused(grpc.StatusCode.ABORTED):
        await reader("UpdateNotificationPreferences", update(), if_match=seen.etag)
    async with refused(grpc.StatusCode.INVALID_ARGUMENT):
        await reader("UpdateNotificationPreferences", update(paths=["account.email"]))
    whole = await reader("UpdateNotificationPreferences", update(changed.etag))
    assert whole.messages.sms and not whole.reviews.email


async def test_a_device_belongs_to_who_registered_it_last(stand: Stand) -> None:
    first, second = Reader(stand, stand.user()[0]), Reader(stand, stand.user()[0])
    request = service.CreateDeviceRequest(platform=Device.ANDROID, token=f"token-{new_id()}", display_name="Pixel")
    mine = await first("CreateDevice", request, idempotency_key=str(new_id()))
    again = await first("CreateDevice", request, idempotency_key=str(new_id()))
    assert again.device_id == mine.device_id
    theirs = await second("CreateDevice", request, idempotency_key=str(new_id()))
    assert theirs.device_id != mine.device_id
    assert list((await first("ListDevices", service.ListDevicesRequest())).devices) == []
    stored = await stand.rows("SELECT token FROM device")
    assert all(b"token-" not in bytes(row.token) for row in stored)
    async with refused(grpc.StatusCode.NOT_FOUND):
        await first("DeleteDevice", service.DeleteDeviceRequest(device_id=theirs.device_id))
    await second("DeleteDevice", service.DeleteDeviceRequest(device_id=theirs.device_id))
    assert list((await second("ListDevices", service.ListDevicesRequest())).devices) == []


async def test_a_full_account_takes_no_more_devices(stand: Stand) -> None:
    reader = Reader(stand, stand.user()[0])
    await stand.execute(
        "INSERT INTO device (device_id, user_id, platform, token, token_index, created_at)"
        " SELECT gen_random_uuid(), :user, 'WEB', ''::bytea, decode(md5(n::text || :salt), 'hex'), now()"
        " FROM generate_series(1, 20) n",
        user=from_typeid("user", reader.user_id),
        salt=reader.user_id,
    )
    request = service.CreateDeviceRequest(platform=Device.WEB, token="one too many")
    async with refused(grpc.StatusCode.FAILED_PRECONDITION):
        await reader("CreateDevice", request, idempotency_key=str(new_id()))


async def test_nobody_reads_without_a_token(stand: Stand) -> None:
    for request in (
        service.ListNotificationsRequest(),
        service.ReadNotificationRequest(notification_id=to_typeid("notification", new_id())),
    ):
        rpc = type(request).__name__.removesuffix("Request")
        async with refused(grpc.StatusCode.UNAUTHENTICATED):
            await getattr(stand.stub, rpc)(request, metadata=(("x-forwarded-for", "10.1.1.1"),), timeout=10)
