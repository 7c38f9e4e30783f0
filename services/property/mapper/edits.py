"""What a host writes: the masked fields of a Property to `Edits`, and rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from kerya.property.v1 import property_pb2 as pb
from services.chassis.errors import invalid
from services.property.domain.property import Details, Edits, Location
from services.property.domain.rates import Rates
from services.property.mapper.values import from_money, from_point, from_time

# Said where it belongs, but not a change: they name the property and the version that the host saw.
NAMING: Final = frozenset({"property_id", "etag"})
DEFAULTS: Final = Details()


def _same(name: str) -> Callable[[Any], Any]:
    return lambda message: getattr(message, name)


DETAILS: Final[dict[str, Callable[[pb.Property], Any]]] = {
    **{
        name: _same(name)
        for name in ("kind", "title", "description", "max_guests", "bedroom_count", "bed_count", "bathroom_count")
    },
    "amenities": lambda message: tuple(message.amenities),
    "cancellation_policy": lambda message: message.cancellation_policy or DEFAULTS.cancellation_policy,
    "instant_book": _same("instant_book"),
    "check_in_time": lambda message: (
        from_time(message.check_in_time) if message.HasField("check_in_time") else DEFAULTS.check_in_time
    ),
    "check_out_time": lambda message: (
        from_time(message.check_out_time) if message.HasField("check_out_time") else DEFAULTS.check_out_time
    ),
    "time_zone": _same("time_zone"),
}
LOCATION: Final[dict[str, Callable[[pb.Location], Any]]] = {
    **{name: _same(name) for name in ("street_address", "postal_code", "city", "region", "country_code")},
    "other_names": lambda message: tuple(dict.fromkeys(message.other_names)),
    "point": lambda message: from_point(message.point) if message.HasField("point") else None,
}
assert set(DETAILS) == set(Details.__slots__) and set(LOCATION) == set(Location.__slots__)


def to_edits(message: pb.Property, paths: Iterable[str] | None = None) -> Edits:
    """The fields that `paths` names; without paths, those that are set. INVALID_REQUEST for a field that is not the
    host's to write."""
    if paths is None:
        paths = [field.name for field, _ in message.ListFields() if field.name in DETAILS or field.name == "location"]
    details: dict[str, Any] = {}
    location: dict[str, Any] = {}
    for path in paths:
        if path in DETAILS:
            details[path] = DETAILS[path](message)
        elif path == "location":
            location |= {name: read(message.location) for name, read in LOCATION.items()}
        elif (name := _of_location(path)) in LOCATION:
            location[name] = LOCATION[name](message.location)
        elif path not in NAMING:
            raise invalid("update_mask", _why_not(path), "update_mask.writable")
    return Edits(details, location)


def to_masked_edits(message: pb.Property, paths: list[str]) -> Edits:
    """Of an update: with an empty mask, the fields that are set; rates among them are refused, not dropped."""
    if not paths and message.HasField("rates"):
        raise invalid("property.rates", _why_not("rates"), "update_mask.writable")
    return to_edits(message, paths or None)


def to_rates(message: pb.Rates, prefix: str = "rates") -> Rates:
    """Raises CurrencyUnsupported, CurrencyMismatch, AmountTooFine, AmountInvalid and StayLimitsInvalid."""

    nightly = from_money(message.nightly_price, f"{prefix}.nightly_price")
    weekend = (
        from_money(message.weekend_price, f"{prefix}.weekend_price") if message.HasField("weekend_price") else None
    )
    cleaning = from_money(message.cleaning_fee, f"{prefix}.cleaning_fee") if message.HasField("cleaning_fee") else None
    return Rates.checked(nightly, weekend, cleaning, message.min_nights, message.max_nights)


def _of_location(path: str) -> str:
    return path.removeprefix("location.") if path.startswith("location.") else ""


def _why_not(path: str) -> str:
    if path == "rates" or path.startswith("rates."):
        return "rates are replaced as a whole, by PUT /v1/properties/{property_id}/rates"
    return f"{path} is not a field that can be written"
