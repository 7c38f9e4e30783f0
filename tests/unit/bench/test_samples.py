"""Medians, spreads and ratios of samples."""

from __future__ import annotations

import pytest

from bench.samples import ratios, summary


def test_the_median_and_the_middle_half() -> None:
    found = summary([5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.median, found.spread) == (3.0, (2.0, 4.0))


def test_one_outlier_does_not_move_the_median() -> None:
    assert summary([10.0, 10.0, 10.0, 10.0, 900.0]).median == 10.0


def test_one_sample_is_its_own_spread() -> None:
    found = summary([7.0])
    assert (found.median, found.low, found.high) == (7.0, 7.0, 7.0)


def test_no_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="no samples"):
        summary([])


def test_noise_that_slows_both_neighbours_divides_out() -> None:
    assert ratios([100.0, 300.0, 150.0], [200.0, 600.0, 300.0]).median == 0.5


def test_ratios_need_a_neighbour_for_every_sample() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratios([1.0, 2.0], [1.0])
