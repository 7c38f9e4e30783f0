"""A mesh of its own for the tests that hurt it, and the people who book in it meanwhile."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.wounds import heal
from tests.journeys.mesh import Mesh, Person, listing, register, start, stop


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """The whole mesh. A delivery whose worker was killed is taken up again after seconds, so that tests need not wait."""
    home = Path(tempfile.mkdtemp(prefix="kerya-chaos-"))
    home.chmod(0o711)
    running = start(home, KERYA_LIMIT_SCALE="1000", KERYA_TRACE_RATIO="0.1", KERYA_DELIVERY_LEASE_SECONDS="10")
    try:
        yield running
    finally:
        heal(running)
        assert stop(running) == 0
        shutil.rmtree(home, ignore_errors=True)
        running.log.unlink()


@pytest.fixture(scope="session")
def host(mesh: Mesh) -> Person:
    return register(mesh, "HOST", name="Hôte Nadia")


@pytest.fixture(scope="session")
def client(mesh: Mesh) -> Person:
    return register(mesh, name="Yacine")


@pytest.fixture(scope="session")
def property_id(host: Person) -> str:
    """A published property; each test books nights of its own."""
    return listing(host)


@pytest.fixture(autouse=True)
def healed(mesh: Mesh) -> Iterator[None]:
    """Whatever a test did, the next one begins with a whole mesh."""
    heal(mesh)
    yield
    heal(mesh)
