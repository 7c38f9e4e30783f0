"""The RPCs of the booking service, a paragraph each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from kerya.booking.v1 import (
    booking_pb2,
    booking_service_pb2,
    booking_service_pb2_grpc,
    calendar_pb2,
    calendar_service_pb2,
    calendar_service_pb2_grpc,
    payment_service_pb2_grpc,
)
from services.booking.mapper import bookings, calendars
from services.booking.mapper.values import instant_of
from services.booking.usecases.calendars import BlockNights, GetCalendar, UnblockNights
from services.booking.usecases.cancel_booking import CancelBooking
from services.booking.usecases.create_booking import CreateBooking
from services.booking.usecases.create_quote import CreateQuote
from services.booking.usecases.read_bookings import GetBooking, ListBookings, PreviewCancellation
from services.booking.usecases.receive_webhook import ReceiveWebhook
from services.booking.usecases.view import BookingView
from services.chassis.call import caller, current_call
from services.chassis.ids import from_typeid
from services.chassis.paging import Paging


@dataclass(frozen=True)
class BookingServicer(booking_service_pb2_grpc.BookingServiceServicer):
    """Quotes and bookings. AcceptBooking, DeclineBooking, AlterBooking and ListPayouts are not served yet."""

    create_quote: CreateQuote
    create_booking: CreateBooking
    get_booking: GetBooking
    list_bookings: ListBookings
    preview_cancellation: PreviewCancellation
    cancel_booking: CancelBooking
    paging: Paging
    publishable_key: str

    async def CreateQuote(self, request: booking_service_pb2.CreateQuoteRequest, context: Any) -> booking_pb2.Quote:
        property_id = from_typeid("property", request.property_id)
        stay = bookings.stay_of(request)
        return bookings.quote(*await self.create_quote(property_id, stay, request.guest_count, request.currency_code))

    async def CreateBooking(
        self, request: booking_service_pb2.CreateBookingRequest, context: Any
    ) -> booking_pb2.Booking:
        return self._show(await self.create_booking(caller().require_user(), request.quote_token, request.message))

    async def GetBooking(self, request: booking_service_pb2.GetBookingRequest, context: Any) -> booking_pb2.Booking:
        return self._show(await self.get_booking(caller(), from_typeid("booking", request.booking_id)))

    async def ListBookings(
        self, request: booking_service_pb2.ListBookingsRequest, context: Any
    ) -> booking_service_pb2.ListBookingsResponse:
        page = self.paging.open(request)
        before = UUID(str(page.after[0])) if page.after else None
        side, state = bookings.side_of(request.side), bookings.state_of(request.state)
        found = await self.list_bookings(caller().require_user(), side, state, before, page.size + 1)
        shown, more = found[: page.size], len(found) > page.size
        last = (shown[-1].booking.booking_id.hex,) if more else None
        token = self.paging.token(request, last)
        return booking_service_pb2.ListBookingsResponse(bookings=map(self._show, shown), next_page_token=token)

    async def CancelBooking(
        self, request: booking_service_pb2.CancelBookingRequest, context: Any
    ) -> booking_pb2.Booking:
        booking_id = from_typeid("booking", request.booking_id)
        return self._show(await self.cancel_booking(caller(), booking_id, request.reason, request.etag))

    async def PreviewCancellation(
        self, request: booking_service_pb2.PreviewCancellationRequest, context: Any
    ) -> booking_pb2.CancellationPreview:
        at = instant_of("at_time", request.at_time) if request.HasField("at_time") else None
        found = await self.preview_cancellation(caller(), from_typeid("booking", request.booking_id), at)
        return bookings.preview(request.booking_id, *found)

    def _show(self, found: BookingView) -> booking_pb2.Booking:
        for_payer = caller().user_id == found.booking.client_id
        return bookings.booking(found, for_payer=for_payer, publishable_key=self.publishable_key)


@dataclass(frozen=True)
class CalendarServicer(calendar_service_pb2_grpc.CalendarServiceServicer):
    """The calendar. CreateCalendarFeed, ListCalendarFeeds and ExportCalendar are not served yet."""

    get_calendar: GetCalendar
    block_nights: BlockNights
    unblock_nights: UnblockNights

    async def GetCalendar(
        self, request: calendar_service_pb2.GetCalendarRequest, context: Any
    ) -> calendar_pb2.Calendar:
        property_id = from_typeid("property", request.property_id)
        return calendars.calendar(await self.get_calendar(caller().user_id, property_id, calendars.nights_of(request)))

    async def BlockNights(
        self, request: calendar_service_pb2.BlockNightsRequest, context: Any
    ) -> calendar_pb2.Calendar:
        host_id, property_id = caller().require_user(), from_typeid("property", request.property_id)
        return calendars.calendar(
            await self.block_nights(host_id, property_id, calendars.nights_of(request), request.note)
        )

    async def UnblockNights(
        self, request: calendar_service_pb2.UnblockNightsRequest, context: Any
    ) -> calendar_pb2.Calendar:
        host_id, property_id = caller().require_user(), from_typeid("property", request.property_id)
        return calendars.calendar(await self.unblock_nights(host_id, property_id, calendars.nights_of(request)))


@dataclass(frozen=True)
class PaymentServicer(payment_service_pb2_grpc.PaymentServiceServicer):
    """Where payment providers call."""

    receive_webhook: ReceiveWebhook

    async def ReceiveStripeWebhook(self, request: httpbody_pb2.HttpBody, context: Any) -> empty_pb2.Empty:
        call = current_call()
        signature = call.metadata.get("stripe-signature", "") if call else ""
        await self.receive_webhook(request.data, signature)
        return empty_pb2.Empty()
