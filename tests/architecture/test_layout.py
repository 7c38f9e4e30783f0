"""Promises about the repository itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_the_top_level_is_as_promised() -> None:
    promised = [
        "proto",
        "services",
        "gen",
        "edge",
        "deploy",
        "buf.yaml",
        "Makefile",
        "tests",
        "README.md",
        "LICENSE",
        ".env.example",
        "docs",
        "bench",
    ]
    assert [name for name in promised if not (ROOT / name).exists()] == []


def test_lock_files_record_no_addresses() -> None:
    locks = list(ROOT.glob("requirements*.lock"))
    assert len(locks) >= 2
    for lock in locks:
        text = lock.read_text()
        assert "://" not in text, lock.name
        pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#", "-"))]
        assert pins and text.count("--hash=sha256:") >= len(pins), lock.name


def test_no_secret_is_tracked() -> None:
    telling = (b"-----BEGIN PRIVATE " + b"KEY", b"-----BEGIN EC " + b"PRIVATE", b"sk_live" + b"_")
    holders = [
        str(path.relative_to(ROOT))
        for path in _tracked()
        if path.is_file() and any(t in path.read_bytes() for t in telling)
    ]
    assert holders == []


def test_every_service_has_its_rooms() -> None:
    for name in ("user", "property", "booking", "notification"):
        rooms = {path.name.removesuffix(".py") for path in (ROOT / "services" / name).iterdir()}
        assert {"__main__", "app", "settings", "servicer", "mapper", "usecases", "domain", "migrations"} <= rooms, name
