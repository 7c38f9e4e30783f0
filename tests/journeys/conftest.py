"""One mesh for all journeys of a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.mesh import Mesh, Person, listing, register, start, stop


@pytest.fixture(scope="session")
def mesh() -> Iterator[Mesh]:
    """The whole mesh. Limits are wide, so that one machine may play many people; every request is traced, and
    every line that any part of it writes is kept as it is."""
    home = Path(tempfile.mkdtemp(prefix="kerya-mesh-"))
    home.chmod(0o711)
    settings = {"KERYA_LIMIT_SCALE": "1000", "KERYA_TRACE_RATIO": "1", "KERYA_LOG_LEVEL": "DEBUG"}
    running = start(home, "--json", "--level", "DEBUG", **settings)
    try:
        yield running
    finally:
        assert stop(running) == 0
        shutil.rmtree(home, ignore_errors=True)
        running.log.unlink()


@pytest.fixture(scope="session")
def host(mesh: Mesh) -> Person:
    return register(mesh, "HOST", locale="fr", name="Hôte Salah")


@pytest.fixture(scope="session")
def client(mesh: Mesh) -> Person:
    return register(mesh, locale="ar", name="Lina")


@pytest.fixture
def property_id(host: Person) -> str:
    """A new published property, all its nights free."""
    return listing(host)
