"""Events of the mesh -> notifications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from kerya.booking.v1.booking_events_pb2 import BookingCancelled, BookingConfirmed, BookingExpired, PaymentRefunded
from kerya.user.v1.user_events_pb2 import EmailVerificationRequested, SessionRevoked, UserDeleted, UserRegistered
from services.chassis.consumer import Handler, Handlers
from services.chassis.delivery import Delivery
from services.chassis.ids import from_typeid
from services.notification import mapper
from services.notification.domain.notification import Notice
from services.notification.usecases.forget_user import ForgetUser
from services.notification.usecases.notify import Notify

Event = TypeVar("Event", bound=Message)


@dataclass(frozen=True)
class Consumers:
    """What the service listens to."""

    notify: Notify
    forget_user: ForgetUser

    def handlers(self) -> Handlers:
        return Handlers(
            {
                UserRegistered: self._tell(mapper.registered),
                EmailVerificationRequested: self._tell(mapper.email_requested),
                SessionRevoked: self._tell(mapper.session_revoked),
                UserDeleted: self.on_deleted,
                BookingConfirmed: self._tell(mapper.confirmed),
                BookingCancelled: self._tell(mapper.cancelled),
                BookingExpired: self._tell(mapper.expired),
                PaymentRefunded: self._tell(mapper.refunded),
            }
        )

    async def on_deleted(self, event: UserDeleted, delivery: Delivery) -> None:
        await self.forget_user(delivery, from_typeid("user", event.user_id))

    def _tell(self, notices: Callable[[Event], list[Notice]]) -> Handler:
        async def handler(event: Event, delivery: Delivery) -> None:
            await self.notify(delivery, notices(event))

        return handler
