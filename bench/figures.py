"""What a bench finds: rows with a target, as a table for people and as JSON for whoever compares runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, le
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS = Path(__file__).absolute().parent / "results"

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "=": eq}


@dataclass(frozen=True)
class Target:
    """A bound: "<=", ">=" or "=", and a value in the figure's unit."""

    relation: str
    value: float

    def __post_init__(self) -> None:
        if self.relation not in _COMPARE:
            raise ValueError(f"{self.relation!r} is none of {', '.join(_COMPARE)}")

    def __str__(self) -> str:
        return f"{self.relation} {self.value:g}"

    def holds(self, value: float) -> bool:
        return _COMPARE[self.relation](value, self.value)


@dataclass(frozen=True)
class Figure:
    """One row. `peers` are the figures it was made from or stands beside, by name; `spread` is the middle half of the
    samples whose median is `value`."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    peers: Mapping[str, float] = field(default_factory=dict)
    spread: tuple[float, float] | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return self.target.holds(self.value) if self.target else None

    def row(self, *, short: bool) -> dict[str, Any]:
        """As it stands in a result file."""
        made: dict[str, Any] = {
            "figure": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "target": str(self.target) if self.target else None,
            "holds": self.holds,
            "peers": {name: _rounded(value) for name, value in self.peers.items()},
        }
        if self.spread:
            made["spread"] = [_rounded(bound) for bound in self.spread]
        if short:
            made["short"] = True
        return made


def write(name: str, figures: Sequence[Figure], *, short: bool, directory: Path = RESULTS) -> Path:
    """Writes `<name>.json`."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    rows = [figure.row(short=short) for figure in figures]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    return path


def show(name: str, figures: Sequence[Figure], screen: Console, *, short: bool) -> None:
    """Prints the table."""
    table = Table(title=f"{name}, short form" if short else name, title_justify="left")
    for column, justify in (("figure", "left"), ("value", "right"), ("unit", "left"), ("target", "right")):
        table.add_column(column, justify="right" if justify == "right" else "left")
    table.add_column("holds")
    table.add_column("beside")
    for figure in figures:
        spread = f" ({_rounded(figure.spread[0]):g}–{_rounded(figure.spread[1]):g})" if figure.spread else ""
        beside = "\n".join(f"{peer} {_rounded(value):g}" for peer, value in figure.peers.items())
        value = f"{_rounded(figure.value):g}{spread}"
        table.add_row(figure.name, value, figure.unit, str(figure.target or ""), _verdict(figure.holds), beside)
    screen.print(table)


def _verdict(holds: bool | None) -> Text:
    if holds is None:
        return Text("")
    return Text("yes", "green") if holds else Text("no", "bold red")


def _rounded(value: float) -> float:
    """Four digits that mean something; whole numbers stay whole."""
    return float(f"{value:.4g}") if abs(value) < 1000 else round(value, 1)
