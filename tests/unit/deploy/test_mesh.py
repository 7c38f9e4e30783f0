"""Which components a run has, and which of them a change of the sources restarts."""

import asyncio
import json
from pathlib import Path

import pytest

from deploy.local import mesh, secrets
from deploy.local.component import Component, Stage
from deploy.local.environment import Settings
from deploy.local.home import Home
from deploy.local.process import Running, Sink, StartFailed
from deploy.local.reload import affected
from services.chassis.topology import load


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


async def test_services_that_ask_together_are_migrated_by_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[str]] = []

    async def migrate(settings: object, names: list[str], sink: Sink | None = None) -> None:
        batches.append(list(names))
        if len(batches) == 2:
            raise StartFailed("booking's table is locked")

    monkeypatch.setattr(mesh, "migrate", migrate)
    migrations = mesh.Migrations(Settings(load(environment={}), Home(Path("/nonexistent")), {}))
    await asyncio.gather(migrations.bring("user", print), migrations.bring("booking", print))
    with pytest.raises(StartFailed):
        await migrations.bring("booking", print)
    await migrations.bring("booking", print)
    assert batches == [["booking", "user"], ["booking"], ["booking"]]


def test_every_process_gets_the_environment_of_its_part(tmp_path: Path) -> None:
    topology = load(environment={})
    secrets.ensure(tmp_path / "secrets", topology)
    settings = Settings(topology, Home(tmp_path), {"KERYA_LOG_LEVEL": "DEBUG", "KERYA_LISTEN": "0.0.0.0:1"})
    found = settings.service(topology.services["booking"])
    password = secrets.postgres_password(tmp_path / "secrets", "booking")
    assert found["KERYA_SERVICE"] == "booking"
    assert found["KERYA_LISTEN"] == "127.0.0.1:8103"
    assert found["KERYA_METRICS_LISTEN"] == "127.0.0.1:8203"
    assert found["KERYA_DATABASE_URL"] == f"postgresql+asyncpg://booking:{password}@127.0.0.1:8532/booking"
    assert found["KERYA_TLS_DIRECTORY"] == str(tmp_path / "pki" / "booking")
    assert json.loads(found["KERYA_TARGETS"])["property"] == "127.0.0.1:8102"
    assert found["KERYA_STRIPE_BASE_URL"] == "http://127.0.0.1:8600/stripe"
    assert found["KERYA_LOG_LEVEL"] == "DEBUG", "what the caller chose for all of the mesh stays"
