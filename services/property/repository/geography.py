"""Boxes and distances as expressions over `listing`."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Integer, and_, cast, func, literal, or_

from services.property.domain.geo import EARTH_RADIUS_M, Box, Point, cover
from services.property.tables import listing_table as listing


def inside(box: Box) -> ColumnElement[bool]:
    """The veiled point is in the box: by the cells that an index finds, then exactly."""
    cells = or_(*(listing.c.cell.between(first, last) for first, last in cover(box)))
    east, west = listing.c.longitude <= box.east, listing.c.longitude >= box.west
    across = or_(west, east) if box.crosses_antimeridian else and_(west, east)
    return and_(cells, listing.c.latitude.between(box.south, box.north), across)


def distance_from(center: Point) -> ColumnElement[int]:
    """Whole metres along the great circle, from the centre to the veiled point."""
    latitude, longitude = func.radians(listing.c.latitude), func.radians(listing.c.longitude)
    center_latitude = func.radians(literal(center.latitude))
    across = func.sin((longitude - func.radians(literal(center.longitude))) / 2)
    up = func.sin((latitude - center_latitude) / 2)
    half = up * up + func.cos(center_latitude) * func.cos(latitude) * across * across
    return cast(func.round(literal(2 * EARTH_RADIUS_M) * func.asin(func.sqrt(func.least(half, 1.0)))), Integer)


def planar_distance(center: Point) -> ColumnElement[float]:
    """The distance in degrees, which the index on the point can walk in order."""
    here = func.point(literal(center.longitude), literal(center.latitude))
    return func.point(listing.c.longitude, listing.c.latitude).op("<->")(here)
