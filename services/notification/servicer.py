"""The RPCs. Twilio's callback is in the contract and not served yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from kerya.notification.v1 import notification_pb2 as pb
from kerya.notification.v1 import notification_service_pb2 as service
from kerya.notification.v1.notification_service_pb2_grpc import NotificationServiceServicer
from services.chassis.call import caller, current_call
from services.chassis.clock import Clock
from services.chassis.ids import from_typeid
from services.chassis.paging import Paging
from services.notification import mapper
from services.notification.domain.delivery import Delivery
from services.notification.domain.notification import Notification
from services.notification.rendering import Renderer
from services.notification.usecases.devices import CreateDevice, DeleteDevice, ListDevices
from services.notification.usecases.list_notifications import ListNotifications
from services.notification.usecases.preferences import GetPreferences, UpdatePreferences
from services.notification.usecases.read_notification import ReadNotification
from services.notification.usecases.receive_reports import ReceiveReports
from services.notification.webhooks import SendgridWebhook


@dataclass(frozen=True)
class Cases:
    """What the RPCs call."""

    list_notifications: ListNotifications
    read_notification: ReadNotification
    get_preferences: GetPreferences
    update_preferences: UpdatePreferences
    create_device: CreateDevice
    list_devices: ListDevices
    delete_device: DeleteDevice
    receive_reports: ReceiveReports


class NotificationServicer(NotificationServiceServicer):
    """Notifications are made from events alone; the RPCs show them and keep what their readers prefer."""

    def __init__(self, use: Cases, paging: Paging, renderer: Renderer, sendgrid: SendgridWebhook, clock: Clock) -> None:
        self._use = use
        self._paging = paging
        self._renderer = renderer
        self._sendgrid = sendgrid
        self._clock = clock

    async def ListNotifications(
        self, request: service.ListNotificationsRequest, context: Any
    ) -> service.ListNotificationsResponse:
        page = self._paging.open(request)
        listed = await self._use.list_notifications(caller().require_user(), page, request.unread_only)
        return service.ListNotificationsResponse(
            notifications=[
                self._shown(entry, listed.deliveries.get(entry.notification_id, ())) for entry in listed.notifications
            ],
            next_page_token=self._paging.token(request, listed.after),
            unread_count=listed.unread_count,
        )

    async def ReadNotification(self, request: service.ReadNotificationRequest, context: Any) -> pb.Notification:
        notification_id = from_typeid("notification", request.notification_id)
        entry, deliveries = await self._use.read_notification(caller().require_user(), notification_id)
        return self._shown(entry, deliveries)

    async def GetNotificationPreferences(
        self, request: service.GetNotificationPreferencesRequest, context: Any
    ) -> pb.NotificationPreferences:
        return mapper.preferences(await self._use.get_preferences(caller().require_user()))

    async def UpdateNotificationPreferences(
        self, request: service.UpdateNotificationPreferencesRequest, context: Any
    ) -> pb.NotificationPreferences:
        switches, seen = mapper.switches(request), request.preferences.etag or _metadata().get("if-match", "")
        return mapper.preferences(await self._use.update_preferences(caller().require_user(), switches, seen))

    async def CreateDevice(self, request: service.CreateDeviceRequest, context: Any) -> pb.Device:
        platform = mapper.platform(request)
        made = await self._use.create_device(caller().require_user(), platform, request.token, request.display_name)
        return mapper.device(made)

    async def ListDevices(self, request: service.ListDevicesRequest, context: Any) -> service.ListDevicesResponse:
        page = self._paging.open(request)
        devices, after = await self._use.list_devices(caller().require_user(), page)
        return service.ListDevicesResponse(
            devices=[mapper.device(entry) for entry in devices], next_page_token=self._paging.token(request, after)
        )

    async def DeleteDevice(self, request: service.DeleteDeviceRequest, context: Any) -> Empty:
        await self._use.delete_device(caller().require_user(), from_typeid("device", request.device_id))
        return Empty()

    async def ReceiveSendgridEvents(self, request: HttpBody, context: Any) -> Empty:
        await self._use.receive_reports(self._sendgrid.open(request.data, _metadata(), self._clock.now()))
        return Empty()

    def _shown(self, entry: Notification, deliveries: Iterable[Delivery]) -> pb.Notification:
        digest = self._renderer.digest(entry.kind, entry.values, caller().locale)
        return mapper.notification(entry, digest, deliveries)


def _metadata() -> Mapping[str, str]:
    call = current_call()
    return call.metadata if call else {}
