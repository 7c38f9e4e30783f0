"""Boxes, distances and cells; and the veil over a door."""

from math import isclose
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.property.domain.geo import Box, Point, cell, cover
from services.property.domain.veil import RADIUS_M, Veil

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180, exclude_max=True)
points = st.builds(Point, latitudes, longitudes)
ALGIERS = Point(36.7538, 3.0588)
ORAN = Point(35.6971, -0.6308)


def contains(box: Box, point: Point) -> bool:
    across = (
        point.longitude >= box.west or point.longitude <= box.east
        if box.crosses_antimeridian
        else box.west <= point.longitude <= box.east
    )
    return box.south <= point.latitude <= box.north and across


def test_the_distance_from_algiers_to_oran() -> None:
    assert isclose(ALGIERS.distance(ORAN), 352_500, rel_tol=0.01)
    assert ALGIERS.distance(ALGIERS) == 0


@given(points, latitudes, latitudes, longitudes, longitudes)
def test_a_cover_holds_every_point_of_its_box(point: Point, a: float, b: float, west: float, east: float) -> None:
    box = Box(min(a, b), west, max(a, b), east)
    ranges = cover(box)
    assert len(ranges) <= 16
    if contains(box, point):
        assert any(first <= cell(point) <= last for first, last in ranges)


def test_a_cover_of_a_town_leaves_most_of_the_map_out() -> None:
    cells = sum(last - first + 1 for first, last in cover(Box.around(ALGIERS, 5_000)))
    assert cells < 2**32 / 10_000
    assert cover(Box(-90, -180, 90, 180)) == [(0, 2**32 - 1)]


@given(points, st.floats(1, 500_000), st.floats(0, 6.28), st.floats(0, 0.999))
def test_the_box_around_a_circle_holds_it(center: Point, radius: float, bearing: float, share: float) -> None:
    assert contains(Box.around(center, radius * 1.000001 + 0.01), center.moved(radius * share, bearing))


def test_a_circle_at_the_antimeridian_makes_a_box_that_crosses_it() -> None:
    box = Box.around(Point(-17.0, 179.9), 50_000)
    assert box.crosses_antimeridian
    assert contains(box, Point(-17.0, -179.9)) and not contains(box, Point(-17.0, 0.0))


@given(st.uuids(), st.floats(-85, 85), longitudes)
def test_the_veiled_point_is_near_the_door_but_never_at_it(
    property_id: UUID, latitude: float, longitude: float
) -> None:
    door = Point(latitude, longitude)
    distance = Veil(b"k" * 32).cover(property_id, door).distance(door)
    assert 199 < distance <= RADIUS_M


def test_asking_often_tells_nothing_more() -> None:
    veil, one, two = Veil(b"k" * 32), UUID(int=1), UUID(int=2)
    assert len({veil.cover(one, ALGIERS) for _ in range(10_000)}) == 1
    assert veil.cover(one, ALGIERS) != veil.cover(two, ALGIERS)
    assert Veil(b"j" * 32).cover(one, ALGIERS) != veil.cover(one, ALGIERS)


def test_the_veil_lies_evenly_around_the_door() -> None:
    veil = Veil(b"k" * 32)
    seen = [veil.cover(UUID(int=number), ALGIERS) for number in range(2_000)]
    middle = Point(sum(p.latitude for p in seen) / 2_000, sum(p.longitude for p in seen) / 2_000)
    assert middle.distance(ALGIERS) < 60
    far = sum(point.distance(ALGIERS) > 721 for point in seen)  # half of the ring's surface lies beyond 721 m
    assert far == pytest.approx(1_000, abs=100)
