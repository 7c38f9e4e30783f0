"""What the tests of the property service do again and again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import grpc
import jwt
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from google.type import date_pb2, latlng_pb2, money_pb2

from kerya.property.v1 import property_pb2
from kerya.property.v1 import property_service_pb2 as pb
from kerya.property.v1.property_service_pb2_grpc import PropertyServiceStub
from services.chassis.cloudevent import Envelope
from services.chassis.contract import Contract
from services.chassis.ids import from_typeid, new_id, to_typeid
from services.chassis.jetstream import JetStream
from services.property.settings import Settings

Kind, Amenity = property_pb2.Property.Kind, property_pb2.Property.Amenity


@dataclass
class Person:
    """Somebody with a token."""

    token: str
    user_id: str

    @property
    def metadata(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.token}")]


@dataclass
class Refused(Exception):
    """A refusal as a caller reads it."""

    code: str
    reason: str
    metadata: dict[str, str]
    fields: list[str] = field(default_factory=list)


@dataclass
class Stand:
    """The running service."""

    stubs: dict[str, PropertyServiceStub]
    database: asyncpg.Connection
    settings: Settings
    signing_key: bytes
    key_id: str

    def person(self, *roles: str, user_id: UUID | None = None) -> Person:
        now, user = int(time.time()), to_typeid("user", user_id or new_id())
        claims = {
            "iss": "kerya", "aud": "kerya", "sub": user, "sid": to_typeid("session", new_id()), "jti": uuid4().hex,
            "roles": list(roles or ("CLIENT", "HOST")), "locale": "en", "iat": now, "nbf": now, "exp": now + 600,
        }  # fmt: skip
        token = jwt.encode(claims, self.signing_key, "EdDSA", headers={"typ": "at+jwt", "kid": self.key_id})
        return Person(token, user)

    async def call(
        self, name: str, request: Any, who: Person | None = None, *, by: str = "transcoder", **metadata: str
    ) -> Any:
        """Raises Refused."""
        sent = [(key.replace("_", "-"), value) for key, value in metadata.items()]
        sent += who.metadata if who else []
        if name.startswith("Create") and "idempotency_key" not in metadata:
            sent.append(("idempotency-key", uuid4().hex))
        try:
            return await getattr(self.stubs[by], name)(request, metadata=sent)
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from None

    async def create(self, host: Person, *place: float, **fields: Any) -> property_pb2.Property:
        return await self.call("CreateProperty", pb.CreatePropertyRequest(property=listing(*place, **fields)), host)

    async def publish(self, host: Person, *place: float, **fields: Any) -> property_pb2.Property:
        """A new published property."""
        created = await self.create(host, *place, **fields)
        return await self.call("PublishProperty", pb.PublishPropertyRequest(property_id=created.property_id), host)

    async def get(self, property_id: str, who: Person | None = None) -> property_pb2.Property:
        return await self.call("GetProperty", pb.GetPropertyRequest(property_id=property_id), who)

    async def search(self, who: Person | None = None, **conditions: Any) -> pb.SearchPropertiesResponse:
        return await self.call("SearchProperties", pb.SearchPropertiesRequest(**conditions), who)

    async def ids(self, **conditions: Any) -> list[str]:
        """The ids found on the first page."""
        found = await self.search(**conditions)
        return [card.property_id for card in found.properties]

    async def pages(self, **conditions: Any) -> list[list[property_pb2.PropertyCard]]:
        """All pages of a search."""
        pages, token = [], ""
        while True:
            found = await self.search(**conditions, page_token=token)
            pages.append(list(found.properties))
            token = found.next_page_token
            if not token:
                return pages

    async def events(self, property_id: str) -> list[str]:
        """The subjects of a property's events, in their order."""
        rows = await self.database.fetch("SELECT subject FROM outbox WHERE aggregate = $1 ORDER BY seq", property_id)
        return [row["subject"] for row in rows]

    async def publish_event(self, message: Message, package: str) -> None:
        """Puts an event of another service on the bus, in its envelope, as that service's relay does."""
        rule = Contract.load().event_of(type(message))
        aggregate = str(getattr(message, rule.aggregate))
        envelope = Envelope(new_id(), rule.full_name, "test", aggregate, datetime.now(UTC))
        bus = JetStream(self.settings.nats_url.get_secret_value(), name="test", replicas=1)
        await bus.start(5.0)
        try:
            await bus.declare(Contract.load(), package)
            await bus.context.publish(
                rule.subject, message.SerializeToString(), headers=envelope.headers(), stream=rule.stream
            )
        finally:
            await bus.stop()


def refusal(error: grpc.aio.AioRpcError) -> Refused:
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(details if isinstance(details, bytes) else b"")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(bad)
    fields = [violation.field for violation in bad.field_violations]
    return Refused(error.code().name, info.reason, dict(info.metadata), fields)


def listing(
    latitude: float = 36.7538,
    longitude: float = 3.0588,
    *,
    city: str = "Alger",
    other_names: tuple[str, ...] = (),
    nightly: int = 5000,
    weekend: int | None = None,
    currency: str = "DZD",
    min_nights: int = 0,
    max_nights: int = 0,
    **fields: Any,
) -> property_pb2.Property:
    """A complete property; each test takes a place of its own, or words of its own."""
    location = property_pb2.Location(
        street_address="12 rue Didouche Mourad",
        postal_code="16002",
        city=city,
        region="Alger",
        country_code="DZ",
        other_names=other_names,
        point=latlng_pb2.LatLng(latitude=latitude, longitude=longitude),
    )
    rates = property_pb2.Rates(
        nightly_price=money(nightly, currency),
        weekend_price=money(weekend, currency) if weekend else None,
        min_nights=min_nights,
        max_nights=max_nights,
    )
    given = {"title": "Studio", "description": "Calme et propre.", "max_guests": 2, "kind": Kind.APARTMENT} | fields
    return property_pb2.Property(location=location, rates=rates, **given)


def money(units: int, currency: str = "DZD") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units)


def day(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def at(latitude: float, longitude: float) -> latlng_pb2.LatLng:
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)


def box(south: float, west: float, north: float, east: float) -> pb.GeoBox:
    return pb.GeoBox(south_west=at(south, west), north_east=at(north, east))


def uuid_of(property_id: str) -> UUID:
    return from_typeid("property", property_id)
