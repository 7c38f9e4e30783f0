"""`python -m deploy.gen` writes what is derived from the contract; `--check` fails where that is not what is committed."""

from __future__ import annotations

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.gen.contract import write_contract

ROOT = Path(__file__).resolve().parents[2]
# Kept beside the generated files by hand.
HAND_WRITTEN = {"pyproject.toml", "README.md"}


def generate(out: Path) -> None:
    """Writes all generated files under `out`, laid out as in the repository."""
    gen = out / "gen"
    gen.mkdir(parents=True)
    write_contract(ROOT, gen)
    # In a process of its own: what follows imports the stubs that were just written, not the committed ones.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(gen)])}
    subprocess.run([sys.executable, "-m", "deploy.gen.derived", str(out)], cwd=ROOT, env=environment, check=True)


def install(fresh: Path) -> None:
    """Makes the committed tree equal to the generated one, touching only what differs."""
    for name in drift(fresh):
        source, target = fresh / name, ROOT / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        else:
            target.unlink()


def drift(fresh: Path) -> list[str]:
    """Answers the generated files that differ from the committed ones, are missing there, or should not be there."""
    made = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    kept = {path.relative_to(ROOT) for path in (ROOT / "gen").rglob("*") if path.is_file() and _is_generated(path)}
    changed = {path for path in made if not _same(fresh / path, ROOT / path)}
    return sorted(str(path) for path in changed | (kept - made))


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)


def _is_generated(path: Path) -> bool:
    return path.name not in HAND_WRITTEN and "__pycache__" not in path.parts and "egg-info" not in str(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.gen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the committed files differ")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        generate(fresh)
        if not check:
            install(fresh)
            return 0
        stale = drift(fresh)
    if stale:
        print("Not what `make gen` writes:", *stale, sep="\n  ", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
