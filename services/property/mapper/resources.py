"""Domain values to the contract's resources. What is not public leaves here only where the caller may see it."""

from __future__ import annotations

from google.type import latlng_pb2

from kerya.property.v1 import property_pb2 as pb
from services.chassis.etag import etag
from services.chassis.ids import to_typeid
from services.property.domain.geo import Point
from services.property.domain.listing import Listing
from services.property.domain.money import Money
from services.property.domain.property import Location, Property
from services.property.domain.rates import Rates
from services.property.domain.search import Hit
from services.property.domain.stay import Stay
from services.property.domain.veil import RADIUS_M
from services.property.mapper.values import enum_value, to_money, to_point, to_time, to_timestamp


def to_property(of: Property, *, exact: bool) -> pb.Property:
    """`exact`: the reader is the host, and sees the location."""
    details = of.details
    return pb.Property(
        property_id=to_typeid("property", of.property_id),
        host_id=to_typeid("user", of.host_id),
        state=pb.Property.State.Value(of.state.value),
        kind=enum_value(details.kind),
        title=details.title,
        description=details.description,
        location=_location(of.location) if exact else None,
        area=_area(Listing.of(of)),
        max_guests=details.max_guests,
        bedroom_count=details.bedroom_count,
        bed_count=details.bed_count,
        bathroom_count=details.bathroom_count,
        amenities=map(enum_value, details.amenities),
        rates=to_rates(of.rates) if of.rates else None,
        cancellation_policy=enum_value(details.cancellation_policy),
        instant_book=details.instant_book,
        check_in_time=to_time(details.check_in_time),
        check_out_time=to_time(details.check_out_time),
        time_zone=details.time_zone,
        create_time=to_timestamp(of.created_at),
        update_time=to_timestamp(of.updated_at),
        publish_time=to_timestamp(of.published_at),
        etag=etag(of.version),
    )


def to_rates(rates: Rates) -> pb.Rates:
    """With the defaults filled in where they are numbers."""
    return pb.Rates(
        nightly_price=to_money(rates.nightly),
        weekend_price=to_money(rates.weekend) if rates.weekend else None,
        cleaning_fee=to_money(rates.cleaning) if rates.cleaning else None,
        min_nights=rates.min_nights,
        max_nights=rates.max_nights,
        version=rates.version,
    )


def to_card(listing: Listing, distance: int | None = None, stay: Stay | None = None) -> pb.PropertyCard:
    """`distance` in metres; with a `stay`, the card says what it would cost."""
    rates = listing.rates
    return pb.PropertyCard(
        property_id=to_typeid("property", listing.property_id),
        title=listing.title,
        kind=enum_value(listing.kind),
        area=_area(listing),
        max_guests=listing.max_guests,
        bedroom_count=listing.bedroom_count,
        bed_count=listing.bed_count,
        bathroom_count=listing.bathroom_count,
        amenities=map(enum_value, listing.amenities),
        nightly_price=to_money(rates.nightly) if rates else None,
        estimated_total_price=to_money(rates.total(stay)) if rates and stay else None,
        distance_meters=distance,
        instant_book=listing.instant_book,
    )


def to_cards(hits: list[Hit], stay: Stay | None = None) -> list[pb.PropertyCard]:
    """The cards of a page."""
    return [to_card(hit.listing, hit.distance, stay) for hit in hits]


def to_booking_terms(of: Property) -> pb.BookingTerms:
    """`of` is published, and so has rates."""
    rates, details = of.rates, of.details
    assert rates is not None  # what publishing checks
    return pb.BookingTerms(
        property_id=to_typeid("property", of.property_id),
        host_id=to_typeid("user", of.host_id),
        title=details.title,
        state=pb.Property.State.Value(of.state.value),
        time_zone=details.time_zone,
        currency_code=rates.currency,
        nightly_price=to_money(rates.nightly),
        weekend_price=to_money(rates.weekend or rates.nightly),
        cleaning_fee=to_money(rates.cleaning or Money(rates.currency, 0)),
        max_guests=details.max_guests,
        min_nights=rates.min_nights,
        max_nights=rates.max_nights,
        instant_book=details.instant_book,
        cancellation_policy=enum_value(details.cancellation_policy),
        check_in_time=to_time(details.check_in_time),
        check_out_time=to_time(details.check_out_time),
        terms_version=of.terms_version,
    )


def _location(location: Location) -> pb.Location:
    return pb.Location(
        street_address=location.street_address,
        postal_code=location.postal_code,
        city=location.city,
        region=location.region,
        country_code=location.country_code,
        other_names=location.other_names,
        point=_point(location.point),
    )


def _area(listing: Listing) -> pb.Area:
    return pb.Area(
        city=listing.city,
        region=listing.region,
        country_code=listing.country_code,
        other_names=listing.other_names,
        point=_point(listing.point),
        radius_meters=RADIUS_M if listing.point else 0,
    )


def _point(point: Point | None) -> latlng_pb2.LatLng | None:
    return to_point(point) if point else None
