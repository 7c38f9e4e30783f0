"""`python -m bench [--only start,edge,race] [--short]`: measures, prints the tables, writes bench/results/<name>.json."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import NoReturn

from rich.console import Console

from bench import edge, race, start
from bench.figures import Figure, show, write

Bench = Callable[[bool, Callable[[str], None]], list[Figure]]
BENCHES: dict[str, Bench] = {"start": start.run, "edge": edge.run, "race": race.run}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(BENCHES), metavar="A,B", help=f"of {', '.join(BENCHES)}")
    parser.add_argument(
        "--short",
        action="store_true",
        default=os.environ.get("CI", "").lower() == "true",
        help="at most a minute each on two cores; the default where CI=true",
    )
    options = parser.parse_args(arguments)
    screen = Console()
    signal.signal(signal.SIGTERM, _leave)
    for name in options.only:
        began = monotonic()
        figures = BENCHES[name](options.short, partial(_note, screen, name))
        path = write(name, figures, short=options.short)
        show(name, figures, screen, short=options.short)
        _note(screen, name, f"{monotonic() - began:.0f} s, {os.path.relpath(path)}")
    return 0


def _leave(number: int, frame: object) -> NoReturn:
    """Ends as Ctrl-C does: whatever was started is stopped on the way out."""
    raise KeyboardInterrupt


def _note(screen: Console, name: str, text: str) -> None:
    screen.print(f"[dim]{name}: {text}[/]", highlight=False)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in BENCHES]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(BENCHES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
