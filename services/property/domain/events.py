"""What happened to a property. Each carries the property as the change left it; the mapper picks what is public."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.property.domain.property import Property


@dataclass(frozen=True, slots=True)
class PropertyEvent:
    """A fact about one property."""

    property: Property


class PropertyCreated(PropertyEvent):
    """A host began a draft."""


class PropertyUpdated(PropertyEvent):
    """Text, place, rates or terms were changed."""


class PropertyPublished(PropertyEvent):
    """It came on the market."""


class PropertyUnpublished(PropertyEvent):
    """It was taken off the market."""


class PropertyDeleted(PropertyEvent):
    """It is gone for good."""
