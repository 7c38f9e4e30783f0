"""A search request to a `Query`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from google.type import money_pb2

from kerya.property.v1 import property_service_pb2 as pb
from services.property.domain.errors import CurrencyMismatch
from services.property.domain.geo import Box
from services.property.domain.money import Money
from services.property.domain.search import Order, Query
from services.property.domain.stay import Stay
from services.property.domain.words import fold
from services.property.mapper.values import from_date, from_money, from_point

Request = pb.SearchPropertiesRequest
ORDERS: Final = {
    Request.ORDER_BY_UNSPECIFIED: Order.RELEVANCE,
    Request.RELEVANCE: Order.RELEVANCE,
    Request.PRICE_ASCENDING: Order.PRICE_ASCENDING,
    Request.PRICE_DESCENDING: Order.PRICE_DESCENDING,
    Request.DISTANCE: Order.DISTANCE,
    Request.NEWEST: Order.NEWEST,
}


def to_query(request: Request, now: datetime) -> Query:
    """Raises StayDatesInvalid, CurrencyMismatch, CurrencyUnsupported and AmountTooFine."""
    return Query(
        words=fold(request.query),
        text_given=bool(request.query.strip()),
        box=_box(request.box) if request.HasField("box") else None,
        center=from_point(request.center) if request.HasField("center") else None,
        radius=request.radius_meters,
        stay=_stay(request, now) if request.HasField("check_in_date") else None,
        guests=request.guest_count,
        currency=request.currency_code,
        min_price=_bound(request, "min_price"),
        max_price=_bound(request, "max_price"),
        amenities=tuple(sorted(set(request.amenities))),
        kinds=tuple(sorted(set(request.kinds))),
        instant_book=request.instant_book,
        order=ORDERS[request.order_by],
    )


def _box(box: pb.GeoBox) -> Box:
    south_west, north_east = box.south_west, box.north_east
    return Box(south_west.latitude, south_west.longitude, north_east.latitude, north_east.longitude)


def _stay(request: Request, now: datetime) -> Stay:
    check_in = from_date(request.check_in_date, "check_in_date")
    return Stay.checked(check_in, from_date(request.check_out_date, "check_out_date"), now)


def _bound(request: Request, field: str) -> Money | None:
    if not request.HasField(field):  # type: ignore[arg-type]
        return None
    given: money_pb2.Money = getattr(request, field)
    currency = request.currency_code
    if given.currency_code not in ("", currency):
        raise CurrencyMismatch(field=field, expected=currency, given=given.currency_code)
    return from_money(money_pb2.Money(currency_code=currency, units=given.units, nanos=given.nanos), field)
