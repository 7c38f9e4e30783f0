"""Boxes and distances as expressions over `listing`."""

from __future__ import annotations

from math import cos
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, cast, func, literal, or_

from services.property.domain.geo import EARTH_RADIUS_M, Box, Point, cover
from services.property.tables import listing_table as listing


def inside(box: Box) -> ColumnElement[bool]:
    """The veiled point is in the box: by the cells that an index finds, then exactly."""
    cells = or_(*(listing.c.cell.between(first, last) for first, last in cover(box)))
    east, west = listing.c.longitude <= box.east, listing.c.longitude >= box.west
    across = or_(west, east) if box.crosses_antimeridian else and_(west, east)
    return and_(cells, listing.c.latitude.between(box.south, box.north), across)


def nearness(center: Point) -> ColumnElement[float]:
    """The cosine of the angle between centre and veiled point, seen from the earth's middle: more is nearer."""
    x, y, z = (literal(part) for part in center.on_sphere())
    return listing.c.x * x + listing.c.y * y + listing.c.z * z


def nearness_at(metres: float) -> float:
    """The nearness of points so many metres away."""
    return cos(metres / EARTH_RADIUS_M)


def metres(near: ColumnElement[Any]) -> ColumnElement[int]:
    """Whole metres along the great circle. From half the chord, which is exact for neighbours, too."""
    half_chord = func.sqrt(func.greatest(1.0 - near, 0.0) / 2.0)
    return cast(func.round(literal(2 * EARTH_RADIUS_M) * func.asin(func.least(half_chord, 1.0))), Integer)


def planar_distance(center: Point) -> ColumnElement[float]:
    """The distance in degrees, which the index on the point can walk in order."""
    here = func.point(literal(center.longitude), literal(center.latitude))
    return func.point(listing.c.longitude, listing.c.latitude).op("<->")(here)
