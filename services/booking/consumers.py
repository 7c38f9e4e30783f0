"""What the booking service learns from others: which users left."""

from __future__ import annotations

from dataclasses import dataclass

from kerya.user.v1.user_events_pb2 import UserDeleted
from services.booking.usecases.forget_user import ForgetUser
from services.chassis.consumer import Delivery, Handlers, Reject
from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid


@dataclass(frozen=True)
class UserConsumers:
    """Reactions to the USER stream."""

    forget_user: ForgetUser

    def handlers(self) -> Handlers:
        """Which event goes where."""
        return Handlers({UserDeleted: self.on_deleted})

    async def on_deleted(self, event: UserDeleted, delivery: Delivery) -> None:
        """What they wrote goes at once."""
        try:
            user_id = from_typeid("user", event.user_id)
        except ChassisRefusal as refusal:
            raise Reject(f"not a user: {refusal.violations}") from refusal
        await self.forget_user(user_id)
