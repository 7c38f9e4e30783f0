"""Which components a run has, and which of them a change of the sources restarts."""

from pathlib import Path

import pytest

from deploy.local import mesh
from deploy.local.component import Component, Stage
from deploy.local.process import Running, Sink, StartFailed
from deploy.local.reload import affected


async def _never(sink: Sink) -> Running:
    raise AssertionError("not to be started")


def _part(name: str, *needs: str) -> Component:
    return Component(name, Stage.SERVICE, _never, frozenset(needs))


PARTS = [_part("postgres"), _part("redis"), _part("user", "postgres"), _part("booking", "postgres", "redis")]


def _names(parts: list[Component]) -> list[str]:
    return [part.name for part in parts]


def test_only_brings_what_is_needed_along() -> None:
    assert _names(mesh.select(PARTS, frozenset({"user"}), frozenset())) == ["postgres", "user"]


def test_except_leaves_out_also_what_is_needed() -> None:
    assert _names(mesh.select(PARTS, frozenset(), frozenset({"redis"}))) == ["postgres", "user", "booking"]


def test_an_unknown_component_is_named_with_the_known_ones() -> None:
    with pytest.raises(StartFailed, match="no component is called usr; there are postgres, redis, user, booking"):
        mesh.select(PARTS, frozenset({"usr"}), frozenset())


def test_a_change_reaches_those_that_are_made_of_it() -> None:
    sources = {
        "user": [Path("/k/services/user"), Path("/k/services/chassis")],
        "booking": [Path("/k/services/booking")],
    }
    assert affected([Path("/k/services/user/app.py")], sources) == {"user"}
    assert affected([Path("/k/services/chassis/server.py")], sources) == {"user"}
    assert affected([Path("/k/services/user_other/app.py")], sources) == set()
