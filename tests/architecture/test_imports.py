"""The import law of docs/handbook.md: who may know whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(
    path.name for path in (ROOT / "services").iterdir() if (path / "app.py").is_file() and path.name != "chassis"
)
# The only files of a service that may touch generated messages, and SQLAlchemy statements.
MAY_TOUCH_MESSAGES = {"servicer", "mapper", "consumers", "clients", "app"}
MAY_TOUCH_SQL = {"repository", "tables", "search_index", "search_sql"}
EDGE_MAY_USE = tuple(
    f"services.chassis.{room}"
    for room in (
        "breaker",
        "channels",
        "contract",
        "logs",
        "metrics",
        "ops",
        "rules",
        "settings",
        "supervision",
        "telemetry",
        "tls",
        "topology",
    )
)


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from services.chassis import telemetry` names the module; a symbol's name lies under its module's.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def broken(paths: list[Path], forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in imports(path)
        if _under(name, forbidden) and not _under(name, allowed)
    ]


def _under(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_the_chassis_knows_no_service() -> None:
    forbidden = tuple(f"services.{name}" for name in SERVICES) + tuple(f"kerya.{name}" for name in SERVICES)
    assert broken(modules("services/chassis"), (*forbidden, "edge", "deploy", "bench")) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_never_imports_another(service: str) -> None:
    others = tuple(f"services.{name}" for name in SERVICES if name != service)
    assert broken(modules(f"services/{service}"), (*others, "edge", "deploy", "bench")) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_domain_imports_the_standard_library_and_itself(service: str) -> None:
    own = f"services.{service}.domain"
    strangers = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(f"services/{service}/domain")
        for name in imports(path)
        if not _under(name, (own,)) and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert strangers == []


@pytest.mark.parametrize("service", SERVICES)
def test_generated_messages_stay_at_the_rim(service: str) -> None:
    inner = [path for path in modules(f"services/{service}") if not _is(path, service, MAY_TOUCH_MESSAGES)]
    assert broken(inner, ("kerya",)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_statements_stay_in_the_repository(service: str) -> None:
    inner = [path for path in modules(f"services/{service}") if not _is(path, service, MAY_TOUCH_SQL)]
    inner = [path for path in inner if "migrations" not in path.parts]
    assert broken(inner, ("sqlalchemy", "asyncpg")) == []


def _is(path: Path, service: str, rooms: set[str]) -> bool:
    """Whether the file is one of the rooms, or lies in a package of that name."""
    return path.relative_to(ROOT / "services" / service).parts[0].removesuffix(".py") in rooms


def test_the_edge_knows_descriptors_and_a_few_rooms_of_the_chassis() -> None:
    assert broken(modules("edge"), ("services", "deploy", "bench"), EDGE_MAY_USE) == []


def test_nobody_imports_deploy_or_bench() -> None:
    assert broken(modules("services", "edge"), ("deploy", "bench")) == []
