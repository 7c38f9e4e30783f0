"""A property and its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import Enum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.property.domain import events
from services.property.domain.errors import (
    PropertyIncomplete,
    PropertyMustStayComplete,
    PropertyStateInvalid,
    TimeZoneUnknown,
)
from services.property.domain.geo import Point
from services.property.domain.rates import Rates
from services.property.domain.veil import Veil
from services.property.domain.words import tidy

HOME_TIME_ZONE: Final = "Africa/Algiers"


class State(Enum):
    """Where a property is in its life."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    UNPUBLISHED = "UNPUBLISHED"
    DELETED = "DELETED"


# (state, verb) -> state. What is not here is refused; a verb that leads to where the property is changes nothing.
STEPS: Final[Mapping[tuple[State, str], State]] = {
    (State.DRAFT, "publish"): State.PUBLISHED,
    (State.UNPUBLISHED, "publish"): State.PUBLISHED,
    (State.PUBLISHED, "publish"): State.PUBLISHED,
    (State.PUBLISHED, "unpublish"): State.UNPUBLISHED,
    (State.UNPUBLISHED, "unpublish"): State.UNPUBLISHED,
    (State.DRAFT, "delete"): State.DELETED,
    (State.PUBLISHED, "delete"): State.DELETED,
    (State.UNPUBLISHED, "delete"): State.DELETED,
    (State.DELETED, "delete"): State.DELETED,
}


@dataclass(frozen=True, slots=True)
class Location:
    """Where the door is. Street, postal code and point are the host's secret."""

    street_address: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country_code: str = ""
    other_names: tuple[str, ...] = ()
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """What the host writes. Kind, amenities and policy are the contract's numbers: no rule here hangs on one of them."""

    kind: int = 0
    title: str = ""
    description: str = ""
    max_guests: int = 0
    bedroom_count: int = 0
    bed_count: int = 0
    bathroom_count: int = 0
    amenities: tuple[int, ...] = ()
    cancellation_policy: int = 1
    instant_book: bool = False
    check_in_time: time = time(15)
    check_out_time: time = time(11)
    time_zone: str = HOME_TIME_ZONE


# A booking is made by these; a change of one of them makes new terms.
TERMS: Final = (
    "title", "max_guests", "cancellation_policy", "instant_book", "check_in_time", "check_out_time", "time_zone",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Property:
    """`version` counts the changes; `terms_version` those that a booking would notice. Instants are aware UTC."""

    property_id: UUID
    host_id: UUID
    created_at: datetime
    updated_at: datetime
    state: State = State.DRAFT
    details: Details = Details()
    location: Location = Location()
    area_point: Point | None = None
    rates: Rates | None = None
    version: int = 1
    terms_version: int = 1
    published_at: datetime | None = None

    def missing(self) -> list[str]:
        """The field paths that publishing needs and that are not given."""
        given = {
            "title": self.details.title,
            "description": self.details.description,
            "location.city": self.location.city,
            "location.country_code": self.location.country_code,
            "location.point": self.location.point,
            "rates.nightly_price": self.rates,
            "max_guests": self.details.max_guests,
        }
        return [path for path, value in given.items() if not value]


@dataclass(frozen=True, slots=True)
class Changed:
    """A property after a change, with the events that tell of it; none where nothing changed."""

    property: Property
    events: tuple[events.PropertyEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Edits:
    """New values by attribute name, of details and of the location."""

    details: Mapping[str, Any] = field(default_factory=dict)
    location: Mapping[str, Any] = field(default_factory=dict)


def begin(property_id: UUID, host_id: UUID, edits: Edits, rates: Rates | None, veil: Veil, now: datetime) -> Changed:
    """A new draft. Raises TimeZoneUnknown."""
    blank = Property(property_id, host_id, created_at=now, updated_at=now, rates=rates)
    begun = _edited(blank, edits, veil)
    return Changed(begun, (events.PropertyCreated(begun),))


def edit(current: Property, edits: Edits, veil: Veil, now: datetime) -> Changed:
    """Raises TimeZoneUnknown and PropertyMustStayComplete."""
    return _changed(current, _edited(current, edits, veil), now)


def reprice(current: Property, rates: Rates, now: datetime) -> Changed:
    """New rates, as the next version."""
    return _changed(current, replace(current, rates=rates.succeeding(current.rates)), now)


def publish(current: Property, now: datetime) -> Changed:
    """Raises PropertyIncomplete, and PropertyStateInvalid."""
    state = _step(current, "publish")
    if missing := current.missing():
        raise PropertyIncomplete(missing=", ".join(missing))
    if state is current.state:
        return Changed(current)
    published = _next(replace(current, state=state, published_at=now), now)
    return Changed(published, (events.PropertyPublished(published),))


def unpublish(current: Property, now: datetime) -> Changed:
    """Raises PropertyStateInvalid for a draft."""
    state = _step(current, "unpublish")
    if state is current.state:
        return Changed(current)
    unpublished = _next(replace(current, state=state), now)
    return Changed(unpublished, (events.PropertyUnpublished(unpublished),))


def delete(current: Property, now: datetime) -> Changed:
    """From every state; nothing leads back."""
    state = _step(current, "delete")
    if state is current.state:
        return Changed(current)
    deleted = _next(replace(current, state=state), now)
    return Changed(deleted, (events.PropertyDeleted(deleted),))


def _step(current: Property, verb: str) -> State:
    state = STEPS.get((current.state, verb))
    if state is None:
        raise PropertyStateInvalid(state=current.state.value, action=verb)
    return state


def _next(changed: Property, now: datetime) -> Property:
    return replace(changed, version=changed.version + 1, updated_at=now)


def _changed(before: Property, after: Property, now: datetime) -> Changed:
    if after == before:
        return Changed(before)
    if after.state is State.PUBLISHED and (missing := after.missing()):
        raise PropertyMustStayComplete(missing=", ".join(missing))
    if _terms(after) != _terms(before):
        after = replace(after, terms_version=after.terms_version + 1)
    updated = _next(after, now)
    return Changed(updated, (events.PropertyUpdated(updated),))


def _terms(of: Property) -> tuple[object, ...]:
    return (of.rates, *(getattr(of.details, name) for name in TERMS))


def _edited(current: Property, edits: Edits, veil: Veil) -> Property:
    details = replace(current.details, **_tidied(edits.details))
    location = replace(current.location, **_tidied(edits.location))
    if "time_zone" in edits.details:
        details = replace(details, time_zone=_known_zone(details.time_zone))
    if "amenities" in edits.details:
        details = replace(details, amenities=tuple(sorted(set(details.amenities))))
    area_point = current.area_point
    if location.point != current.location.point:
        area_point = veil.cover(current.property_id, location.point) if location.point else None
    return replace(current, details=details, location=location, area_point=area_point)


def _tidied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tidy(value) for name, value in values.items()}


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, tuple):
        return tuple(part for item in value if (part := _tidy(item)) or not isinstance(item, str))
    return value


def _known_zone(name: str) -> str:
    if not name:
        return HOME_TIME_ZONE
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeZoneUnknown(time_zone=name) from None
