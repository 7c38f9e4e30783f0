"""Ranges of nights, and the free ones nearby."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.stay import Stay, alternatives, ranges

FIRST = date(2027, 6, 1)
DAYS = st.integers(0, 40).map(lambda number: FIRST + timedelta(days=number))


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


@given(st.sets(DAYS))
def test_ranges_hold_the_same_nights_in_as_few_pieces_as_possible(nights: set[date]) -> None:
    found = ranges(nights)
    assert {night for part in found for night in part.nights()} == nights
    assert all(one.check_out < other.check_in for one, other in pairwise(found))


def test_alternatives_are_the_nearest_free_ranges() -> None:
    wanted = Stay(day(20), day(23))
    taken = set(wanted.nights())
    found = alternatives(wanted, taken, Stay(day(0), day(60)))
    assert found == [Stay(day(17), day(20)), Stay(day(23), day(26)), Stay(day(14), day(17))]


def test_none_is_offered_before_the_window() -> None:
    wanted = Stay(day(2), day(5))
    found = alternatives(wanted, set(wanted.nights()), Stay(day(0), day(12)))
    assert found == [Stay(day(5), day(8)), Stay(day(8), day(11))]


@given(st.sets(DAYS), st.integers(0, 30), st.integers(1, 9))
def test_every_alternative_is_free_of_the_same_length_and_apart(taken: set[date], first: int, length: int) -> None:
    wanted, window = Stay(day(first), day(first + length)), Stay(day(0), day(41))
    found = alternatives(wanted, taken, window)
    assert len(found) <= 3
    for stay in found:
        assert stay.length == length
        assert not taken & set(stay.nights())
        assert window.check_in <= stay.check_in and stay.check_out <= window.check_out
    nights = [night for stay in found for night in stay.nights()]
    assert len(nights) == len(set(nights))
    distances = [abs((stay.check_in - wanted.check_in).days) for stay in found]
    assert distances == sorted(distances)
