"""Points, boxes and distances on the map, and the cells by which a box is found in an index."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, atan2, cos, degrees, pi, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
# 16 bits each way: a cell is 300 m high, and at the equator 600 m wide.
CELL_BITS: Final = 16


@dataclass(frozen=True, slots=True)
class Point:
    """WGS 84, in degrees."""

    latitude: float
    longitude: float

    def distance(self, other: Point) -> float:
        """Metres along the great circle."""
        one, two = radians(self.latitude), radians(other.latitude)
        across = radians(other.longitude - self.longitude)
        half = sin((two - one) / 2) ** 2 + cos(one) * cos(two) * sin(across / 2) ** 2
        return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half)))

    def on_sphere(self) -> tuple[float, float, float]:
        """The point as x, y and z on the unit sphere."""
        latitude, longitude = radians(self.latitude), radians(self.longitude)
        return cos(latitude) * cos(longitude), cos(latitude) * sin(longitude), sin(latitude)

    def moved(self, metres: float, bearing: float) -> Point:
        """The point so many metres away; `bearing` in radians from north, clockwise."""
        angle, latitude = metres / EARTH_RADIUS_M, radians(self.latitude)
        end = asin(sin(latitude) * cos(angle) + cos(latitude) * sin(angle) * cos(bearing))
        across = atan2(sin(bearing) * sin(angle) * cos(latitude), cos(angle) - sin(latitude) * sin(end))
        return Point(degrees(end), (degrees(radians(self.longitude) + across) + 180) % 360 - 180)


def distance_of(nearness: float) -> float:
    """Metres between points whose directions from the earth's middle have this cosine between them.

    From half the chord, which is exact for neighbours, too.
    """
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(max(0.0, 1.0 - nearness) / 2)))


@dataclass(frozen=True, slots=True)
class Box:
    """South <= north; west > east where the box crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float

    @classmethod
    def around(cls, center: Point, metres: float) -> Box:
        """The smallest box that holds the circle."""
        reach = degrees(metres / EARTH_RADIUS_M)
        south, north = center.latitude - reach, center.latitude + reach
        if south <= -90 or north >= 90:
            return cls(max(south, -90.0), -180.0, min(north, 90.0), 180.0)
        ratio = sin(radians(reach)) / cos(radians(center.latitude)) if reach < 90 else 1.0
        if ratio >= 1:
            return cls(south, -180.0, north, 180.0)
        wide = degrees(asin(ratio))
        west, east = center.longitude - wide, center.longitude + wide
        if wide >= 180:
            return cls(south, -180.0, north, 180.0)
        return cls(south, west + 360 if west < -180 else west, north, east - 360 if east > 180 else east)

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether it is in truth two boxes."""
        return self.west > self.east

    def halves(self) -> tuple[Box, ...]:
        """The same area in boxes that do not cross the antimeridian."""
        if not self.crosses_antimeridian:
            return (self,)
        return (
            Box(self.south, self.west, self.north, 180.0),
            Box(self.south, -180.0, self.north, self.east),
        )


def cell(point: Point) -> int:
    """The number of the point's cell on the Z-order curve: points near to each other mostly have near numbers."""
    return _interleave(_column(point.longitude), _row(point.latitude))


def cover(box: Box, most: int = 16) -> list[tuple[int, int]]:
    """At most `most` ranges of cell numbers, both ends included, that together hold every cell of the box.

    Quarters of the map are cut in four, the largest first, as long as they stick out of the box and there is room.
    """
    windows = [(_column(half.west), _row(half.south), _column(half.east), _row(half.north)) for half in box.halves()]
    done: list[tuple[int, int]] = []
    open_: list[tuple[int, int, int]] = [(0, 0, CELL_BITS)]
    while open_:
        column, row, bits = open_.pop(0)
        if not any(_touches(window, column, row, bits) for window in windows):
            continue
        inside = bits == 0 or any(_holds(window, column, row, bits) for window in windows)
        if inside or len(open_) + len(done) + 4 > most:
            first = _interleave(column, row)
            done.append((first, first + (1 << 2 * bits) - 1))
        else:
            half = 1 << (bits - 1)
            open_ += [(column + x, row + y, bits - 1) for y in (0, half) for x in (0, half)]
    return _merged(done)


def _column(longitude: float) -> int:
    return min(int((longitude + 180) / 360 * (1 << CELL_BITS)), (1 << CELL_BITS) - 1)


def _row(latitude: float) -> int:
    return min(int((latitude + 90) / 180 * (1 << CELL_BITS)), (1 << CELL_BITS) - 1)


def _interleave(column: int, row: int) -> int:
    return _spread(column) | _spread(row) << 1


def _spread(number: int) -> int:
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        number = (number | number << shift) & mask
    return number


def _touches(window: tuple[int, int, int, int], column: int, row: int, bits: int) -> bool:
    west, south, east, north = window
    size = 1 << bits
    return column <= east and column + size > west and row <= north and row + size > south


def _holds(window: tuple[int, int, int, int], column: int, row: int, bits: int) -> bool:
    west, south, east, north = window
    last = (1 << bits) - 1
    return west <= column and column + last <= east and south <= row and row + last <= north


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


FULL_TURN: Final = 2 * pi
