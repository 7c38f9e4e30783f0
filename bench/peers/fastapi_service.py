"""The service behind that gateway: the same rows of the same database, by SQLAlchemy and asyncpg, through pydantic.

It answers what the property service answers; etags and page tokens apart, byte for byte the same facts.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import Row, and_, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bench.peers.fastapi_gateway import KEEPALIVE_SECONDS
from kerya.property.v1.property_pb2 import Property as Contract
from services.chassis.ids import from_typeid, to_typeid
from services.property.tables import listing_table as listing
from services.property.tables import property_table, rates_table

_VEIL_METRES = 1000
_AMENITIES: dict[int, str] = {number: name for name, number in Contract.Amenity.items()}
_EXPONENTS = {"DZD": 2, "TND": 3, "JPY": 0}


class Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Money(Model):
    currency_code: str = ""
    units: str = "0"
    nanos: int = 0


class Point(Model):
    latitude: float = 0.0
    longitude: float = 0.0


class TimeOfDay(Model):
    hours: int = 0
    minutes: int = 0


class Area(Model):
    city: str = ""
    region: str = ""
    country_code: str = ""
    other_names: list[str] = []
    point: Point | None = None
    radius_meters: int = 0


class Rates(Model):
    nightly_price: Money | None = None
    weekend_price: Money | None = None
    cleaning_fee: Money | None = None
    min_nights: int = 0
    max_nights: int = 0
    version: int = 0


class Face(Model):
    """What a property and its card have in common."""

    property_id: str = ""
    title: str = ""
    kind: str = ""
    area: Area | None = None
    max_guests: int = 0
    bedroom_count: int = 0
    bed_count: int = 0
    bathroom_count: int = 0
    amenities: list[str] = []
    instant_book: bool = False


class Property(Face):
    host_id: str = ""
    state: str = ""
    description: str = ""
    rates: Rates | None = None
    cancellation_policy: str = ""
    check_in_time: TimeOfDay | None = None
    check_out_time: TimeOfDay | None = None
    time_zone: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    publish_time: datetime | None = None
    etag: str = ""


class PropertyCard(Face):
    nightly_price: Money | None = None


class Page(Model):
    properties: list[PropertyCard] = []
    next_page_token: str = ""


def build(url: str) -> FastAPI:
    """The service on the property database at `url`."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        engine = create_async_engine(url, pool_size=10, isolation_level="AUTOCOMMIT")
        app.state.engine = engine
        yield
        await engine.dispose()

    app = FastAPI(lifespan=life)

    @app.get("/v1/properties:search", response_model=Page, response_model_exclude_defaults=True)
    async def search(
        request: Request,
        guest_count: int = Query(0, alias="guestCount", ge=0, le=100),
        page_size: int = Query(25, alias="pageSize", ge=1, le=100),
    ) -> Page:
        statement = (
            select(*_CARD)
            .where(listing.c.max_guests >= guest_count)
            .order_by(listing.c.quality.desc(), listing.c.property_id.desc())
            .limit(page_size + 1)
        )
        rows = await _rows(request, statement)
        token = str(rows[page_size - 1].property_id) if len(rows) > page_size else ""
        return Page(properties=[_card(row) for row in rows[:page_size]], next_page_token=token)

    @app.get("/v1/properties/{property_id}", response_model=Property, response_model_exclude_defaults=True)
    async def get(request: Request, property_id: str) -> Property:
        wanted = property_table.c.property_id == from_typeid("property", property_id)
        rows = await _rows(request, _JOINED.where(wanted, property_table.c.state == "PUBLISHED"))
        if not rows:
            raise HTTPException(404)
        return _property(rows[0])

    return app


_CARD = [column for column in listing.c if column.name not in ("cell", "x", "y", "z", "words", "headline", "quality")]
_JOINED = select(
    *[column for column in property_table.c if column.name != "location_sealed"],
    *[column for column in rates_table.c if column.name not in ("property_id", "version", "created_at")],
).join(
    rates_table,
    and_(
        rates_table.c.property_id == property_table.c.property_id,
        rates_table.c.version == property_table.c.rates_version,
    ),
)


async def _rows(request: Request, statement: Any) -> list[Row[Any]]:
    engine: AsyncEngine = request.app.state.engine
    async with engine.connect() as connection:
        return list(await connection.execute(statement))


def _property(row: Row[Any]) -> Property:
    return Property(
        **_face(row, row.area_latitude, row.area_longitude),
        host_id=to_typeid("user", row.host_id),
        state=row.state,
        description=row.description,
        rates=Rates(
            nightly_price=_money(row.currency_code, row.nightly_minor),
            weekend_price=_money(row.currency_code, row.weekend_minor),
            cleaning_fee=_money(row.currency_code, row.cleaning_minor),
            min_nights=row.min_nights,
            max_nights=row.max_nights,
            version=row.rates_version,
        ),
        cancellation_policy=Contract.CancellationPolicy.Name(row.cancellation_policy),
        check_in_time=_time(row.check_in_time),
        check_out_time=_time(row.check_out_time),
        time_zone=row.time_zone,
        create_time=row.created_at.astimezone(UTC),
        update_time=row.updated_at.astimezone(UTC),
        publish_time=row.published_at.astimezone(UTC),
        etag=str(row.version),
    )


def _card(row: Row[Any]) -> PropertyCard:
    return PropertyCard(
        **_face(row, row.latitude, row.longitude), nightly_price=_money(row.currency_code, row.nightly_minor)
    )


def _face(row: Row[Any], latitude: float, longitude: float) -> dict[str, Any]:
    return {
        "property_id": to_typeid("property", row.property_id),
        "title": row.title,
        "kind": Contract.Kind.Name(row.kind),
        "area": Area(
            city=row.city,
            region=row.region,
            country_code=row.country_code,
            other_names=row.other_names,
            point=Point(latitude=latitude, longitude=longitude),
            radius_meters=_VEIL_METRES,
        ),
        "max_guests": row.max_guests,
        "bedroom_count": row.bedroom_count,
        "bed_count": row.bed_count,
        "bathroom_count": row.bathroom_count,
        "amenities": _amenities(row.amenities),
        "instant_book": row.instant_book,
    }


def _amenities(numbers: Iterable[int]) -> list[str]:
    return [_AMENITIES[number] for number in numbers]


def _money(currency: str, minor: int | None) -> Money | None:
    if minor is None:
        return None
    amount = Decimal(minor).scaleb(-_EXPONENTS.get(currency, 2))
    units = int(amount)
    return Money(currency_code=currency, units=str(units), nanos=int((amount - units) * 10**9))


def _time(of: time) -> TimeOfDay:
    return TimeOfDay(hours=of.hour, minutes=of.minute)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = build(os.environ["KERYA_DATABASE_URL"])
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=2 * KEEPALIVE_SECONDS,
    )


if __name__ == "__main__":
    main()
