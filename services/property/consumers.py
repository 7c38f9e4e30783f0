"""What the property service learns from others: which nights are taken, so that a search by dates can skip them; and
which hosts left."""

from __future__ import annotations

from kerya.booking.v1.booking_events_pb2 import NightsReleased, NightsTaken
from kerya.user.v1.user_events_pb2 import UserDeleted
from services.chassis.consumer import Delivery, Handlers, Reject
from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid
from services.property.mapper.values import from_date
from services.property.usecases.calendar import MarkNights
from services.property.usecases.unpublish_all import UnpublishAll

# A booking has at most 365 nights, a block or an import not many more; a longer one is a fault of its sender.
MOST_NIGHTS = 1100


class CalendarConsumers:
    """Reactions to the CALENDAR stream."""

    def __init__(self, mark: MarkNights) -> None:
        self._mark = mark

    def handlers(self) -> Handlers:
        """Which event goes where."""
        return Handlers({NightsTaken: self.on_taken, NightsReleased: self.on_released})

    async def on_taken(self, event: NightsTaken, delivery: Delivery) -> None:
        """The nights are found no more."""
        await self._take_over(event, delivery, taken=True)

    async def on_released(self, event: NightsReleased, delivery: Delivery) -> None:
        """The nights are found again."""
        await self._take_over(event, delivery, taken=False)

    async def _take_over(self, event: NightsTaken | NightsReleased, delivery: Delivery, *, taken: bool) -> None:
        try:
            property_id = from_typeid("property", event.property_id)
            first, last = from_date(event.first_night, "first_night"), from_date(event.last_night, "last_night")
        except ChassisRefusal as refusal:
            raise Reject(f"not a calendar event: {refusal.violations}") from refusal
        if not 0 <= (last - first).days < MOST_NIGHTS:
            raise Reject(f"not a stay: {first} to {last}")
        await self._mark(delivery, property_id, first, last, event.version, taken=taken)


class UserConsumers:
    """Reactions to the USER stream."""

    def __init__(self, unpublish_all: UnpublishAll) -> None:
        self._unpublish_all = unpublish_all

    def handlers(self) -> Handlers:
        """Which event goes where."""
        return Handlers({UserDeleted: self.on_deleted})

    async def on_deleted(self, event: UserDeleted, delivery: Delivery) -> None:
        """Nobody books with a host who is gone."""
        try:
            host_id = from_typeid("user", event.user_id)
        except ChassisRefusal as refusal:
            raise Reject(f"not a user: {refusal.violations}") from refusal
        await self._unpublish_all(host_id)
