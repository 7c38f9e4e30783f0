"""The knobs: make a provider fail, answer late, lose answers, and send webhooks twice, late, out of order or never."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any


@dataclass
class Knob:
    """One disturbance of one provider's operation.

    `provider` and `operation` may be "*"; the operation of webhooks is "webhook". `fail` as a whole number fails that
    many calls, as a fraction (0.25) that share of them, with HTTP `status` and without effect. `delay_ms` answers (or
    delivers) late. `drop` lets a call take effect and loses its answer, or loses a webhook for good. `duplicate` sends
    a webhook that many times more. `reorder` holds a webhook back until the next one has gone. `times` ends the knob
    after that many calls; without it, it stays until removed.
    """

    provider: str = "*"
    operation: str = "*"
    fail: int | float = 0
    status: int = 500
    delay_ms: int = 0
    duplicate: int = 0
    reorder: bool = False
    drop: bool = False
    times: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.fail, int) and self.fail > 0 and self.times is None:
            self.times = self.fail

    def matches(self, provider: str, operation: str) -> bool:
        live = self.times is None or self.times > 0
        return live and self.provider in ("*", provider) and self.operation in ("*", operation)


TYPES: dict[str, tuple[type, ...]] = {
    "provider": (str,),
    "operation": (str,),
    "fail": (int, float),
    "status": (int,),
    "delay_ms": (int,),
    "duplicate": (int,),
    "reorder": (bool,),
    "drop": (bool,),
    "times": (int,),
}


@dataclass(frozen=True)
class Effect:
    """What happens to one call."""

    fail_status: int | None = None
    delay: float = 0.0
    duplicate: int = 0
    reorder: bool = False
    drop: bool = False


class Faults:
    """The knobs that are set. They live in memory: a restart of the sandbox is a healthy provider."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self.knobs: list[Knob] = []
        self._chance = chance or random.Random()

    def set(self, values: dict[str, Any]) -> Knob:
        """Adds a knob. ValueError names what is wrong with it."""
        if unknown := values.keys() - TYPES.keys():
            raise ValueError(f"unknown knob fields: {', '.join(sorted(unknown))}")
        for name, value in values.items():
            # The exact type: JSON's true is no number, and 1 (once) is not 1.0 (always).
            if type(value) not in TYPES[name] or (type(value) is not str and value < 0):
                raise ValueError(f"{name} does not take {value!r}")
        knob = Knob(**values)
        self.knobs.append(knob)
        return knob

    def clear(self) -> None:
        self.knobs.clear()

    def take(self, provider: str, operation: str) -> Effect:
        """The effect on one call, counted against the knobs it came from; the first knob that matches decides."""
        for knob in self.knobs:
            if knob.matches(provider, operation):
                return self._apply(knob)
        return Effect()

    def _apply(self, knob: Knob) -> Effect:
        if knob.times is not None:
            knob.times -= 1
        failing = self._chance.random() < knob.fail if isinstance(knob.fail, float) else knob.fail > 0
        return Effect(
            fail_status=knob.status if failing else None,
            delay=knob.delay_ms / 1000,
            duplicate=knob.duplicate,
            reorder=knob.reorder,
            drop=knob.drop,
        )
