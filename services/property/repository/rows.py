"""Rows to domain values, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from services.property.domain.geo import Point
from services.property.domain.money import Money
from services.property.domain.property import Details, Location, Property, State
from services.property.domain.rates import Rates


def of_property(of: Property) -> dict[str, Any]:
    """The columns of `property`, but for the sealed location."""
    details, location, area = of.details, of.location, of.area_point
    return {
        "property_id": of.property_id,
        "host_id": of.host_id,
        "state": of.state.value,
        **{name: getattr(details, name) for name in Details.__slots__ if name != "amenities"},
        "amenities": list(details.amenities),
        "city": location.city,
        "region": location.region,
        "country_code": location.country_code,
        "other_names": list(location.other_names),
        "area_latitude": area.latitude if area else None,
        "area_longitude": area.longitude if area else None,
        "rates_version": of.rates.version if of.rates else None,
        "version": of.version,
        "terms_version": of.terms_version,
        "created_at": of.created_at,
        "updated_at": of.updated_at,
        "published_at": of.published_at,
    }


def to_property(row: Row[Any], secret: Location) -> Property:
    """`secret` holds the parts of the location that are kept sealed."""
    return Property(
        property_id=row.property_id,
        host_id=row.host_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=State(row.state),
        details=_details(row),
        location=Location(
            street_address=secret.street_address,
            postal_code=secret.postal_code,
            city=row.city,
            region=row.region,
            country_code=row.country_code,
            other_names=tuple(row.other_names),
            point=secret.point,
        ),
        area_point=None if row.area_latitude is None else Point(row.area_latitude, row.area_longitude),
        rates=None if row.rates_version is None else to_rates(row, row.rates_version),
        version=row.version,
        terms_version=row.terms_version,
        published_at=row.published_at,
    )


def _details(row: Row[Any]) -> Details:
    values = {name: getattr(row, name) for name in Details.__slots__}
    return Details(**(values | {"amenities": tuple(row.amenities)}))


def of_rates(rates: Rates) -> dict[str, Any]:
    """The columns that `rates` and `listing` share."""
    return {
        "currency_code": rates.currency,
        "nightly_minor": rates.nightly.minor,
        "weekend_minor": rates.weekend.minor if rates.weekend else None,
        "cleaning_minor": rates.cleaning.minor if rates.cleaning else None,
        "min_nights": rates.min_nights,
        "max_nights": rates.max_nights,
    }


def to_rates(row: Row[Any], version: int) -> Rates:
    """From those columns."""
    currency = row.currency_code
    return Rates(
        nightly=Money(currency, row.nightly_minor),
        weekend=None if row.weekend_minor is None else Money(currency, row.weekend_minor),
        cleaning=None if row.cleaning_minor is None else Money(currency, row.cleaning_minor),
        min_nights=row.min_nights,
        max_nights=row.max_nights,
        version=version,
    )
