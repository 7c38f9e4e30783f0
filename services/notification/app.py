"""The composition root of the notification service."""

from __future__ import annotations

from datetime import timedelta

from kerya.notification.v1.notification_service_pb2_grpc import add_NotificationServiceServicer_to_server
from services.chassis.jobs import Job
from services.chassis.service import Chassis, Service
from services.notification import mapper
from services.notification.clients import SendGridMailer, UserDirectory
from services.notification.consumers import Consumers
from services.notification.domain.delivery import Channel
from services.notification.rendering import Renderer
from services.notification.servicer import Cases, NotificationServicer
from services.notification.settings import Settings
from services.notification.usecases.deliver import Deliver
from services.notification.usecases.devices import CreateDevice, DeleteDevice, ListDevices
from services.notification.usecases.forget_old import ForgetOld
from services.notification.usecases.forget_user import ForgetUser
from services.notification.usecases.list_notifications import ListNotifications
from services.notification.usecases.notify import Notify
from services.notification.usecases.preferences import GetPreferences, UpdatePreferences
from services.notification.usecases.read_notification import ReadNotification
from services.notification.usecases.receive_reports import ReceiveReports
from services.notification.webhooks import SendgridWebhook

# The channels that have a provider; push and text messages join with theirs.
AVAILABLE = (Channel.EMAIL,)
DELIVER_EVERY = timedelta(milliseconds=500)
FORGET_EVERY = timedelta(hours=1)


async def build(chassis: Chassis, settings: Settings) -> Service:
    """Puts the service together."""
    database, clock = chassis.database, chassis.clock
    renderer = Renderer(settings.public_url)
    consumers = Consumers(Notify(database, clock, AVAILABLE), ForgetUser(database))
    servicer = NotificationServicer(  # type: ignore[abstract]  # what it lacks answers UNIMPLEMENTED by its base
        _cases(chassis, settings),
        chassis.paging,
        renderer,
        SendgridWebhook(lambda: chassis.secrets.read("sendgrid_webhook_key")),
        clock,
    )
    deliver = _deliver(chassis, settings, renderer)
    return Service(
        servicers=[(add_NotificationServiceServicer_to_server, servicer)],
        consumers=[consumers.handlers()],
        jobs=[
            Job("deliver", every=DELIVER_EVERY, run=deliver),
            Job("forget-old-notifications", every=FORGET_EVERY, run=ForgetOld(database, clock)),
        ],
    )


def _deliver(chassis: Chassis, settings: Settings, renderer: Renderer) -> Deliver:
    # The trailing slash keeps the sandbox's "/sendgrid" in front of the API's paths.
    client = chassis.provider("sendgrid", settings.sendgrid_base_url.rstrip("/") + "/")
    mailer = SendGridMailer(
        client,
        lambda: chassis.secrets.read("sendgrid_api_key").decode(),
        settings.mail_from,
        settings.mail_from_name,
    )
    return Deliver(
        chassis.database,
        chassis.clock,
        chassis.outbox(mapper.event),
        UserDirectory(chassis.channel("user")),
        mailer,
        renderer,
        settings.patience,
        settings.delivery_batch,
        settings.public_url.rstrip("/"),
    )


def _cases(chassis: Chassis, settings: Settings) -> Cases:
    database, clock = chassis.database, chassis.clock
    return Cases(
        list_notifications=ListNotifications(database),
        read_notification=ReadNotification(database, clock),
        get_preferences=GetPreferences(database),
        update_preferences=UpdatePreferences(database),
        create_device=CreateDevice(database, clock, chassis.cipher, chassis.blind_index, settings.max_devices),
        list_devices=ListDevices(database),
        delete_device=DeleteDevice(database),
        receive_reports=ReceiveReports(database, clock, chassis.outbox(mapper.event)),
    )
