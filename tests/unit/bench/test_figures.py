"""A result file has the shape that DESIGN promises its readers, and says honestly whether a target is met."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench.figures import Figure, Target, show, write


def figure(value: float, target: Target | None = None) -> Figure:
    return Figure("edge to gateway", value, "×", target, {"gateway µs": 2288.4}, (0.19, 0.24))


def test_a_row_has_the_promised_keys(tmp_path: Path) -> None:
    path = write("edge", [figure(0.21, Target("<=", 0.2))], short=False, directory=tmp_path)
    assert path.name == "edge.json"
    assert json.loads(path.read_text()) == [
        {
            "figure": "edge to gateway",
            "value": 0.21,
            "unit": "×",
            "target": "<= 0.2",
            "holds": False,
            "peers": {"gateway µs": 2288.4},
            "spread": [0.19, 0.24],
        }
    ]


def test_the_short_form_says_so_in_every_row(tmp_path: Path) -> None:
    path = write("edge", [figure(1), figure(2)], short=True, directory=tmp_path)
    assert [row["short"] for row in json.loads(path.read_text())] == [True, True]


@pytest.mark.parametrize(
    ("relation", "bound", "value", "holds"),
    [
        ("<=", 0.2, 0.2, True),
        ("<=", 0.2, 0.2001, False),
        (">=", 50, 50, True),
        (">=", 50, 49.9, False),
        ("=", 200, 200, True),
        ("=", 200, 199, False),
    ],
)
def test_a_target_holds_or_not(relation: str, bound: float, value: float, holds: bool) -> None:
    assert figure(value, Target(relation, bound)).holds is holds


def test_a_figure_without_a_target_is_neither_good_nor_bad() -> None:
    row = figure(1.0).row(short=False)
    assert row["target"] is None and row["holds"] is None


def test_a_value_just_beyond_its_target_is_not_rounded_into_it() -> None:
    row = figure(0.20001, Target("<=", 0.2)).row(short=False)
    assert row["value"] == 0.2 and row["holds"] is False


def test_an_unknown_relation_is_refused() -> None:
    with pytest.raises(ValueError, match="'<' is none of"):
        Target("<", 1)


def test_the_table_shows_value_target_verdict_and_peers() -> None:
    output = StringIO()
    screen = Console(file=output, width=160)
    show("edge", [figure(0.21, Target("<=", 0.2))], screen, short=True)
    text = output.getvalue()
    assert "edge, short form" in text
    for piece in ("edge to gateway", "0.21 (0.19–0.24)", "<= 0.2", "no", "gateway µs 2288.4"):
        assert piece in text
