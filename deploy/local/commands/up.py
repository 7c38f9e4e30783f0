"""`kerya up`: the mesh in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("up", help="run the mesh in the foreground, until Ctrl-C")
    parser.add_argument("--only", type=_names, default=frozenset(), metavar="A,B", help="these, and what they need")
    parser.add_argument("--except", dest="without", type=_names, default=frozenset(), metavar="A,B", help="not these")
    parser.add_argument("--reload", action="store_true", help="restart a component when its sources change")
    parser.add_argument(
        "--level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="least log level"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.local.console import console
    from deploy.local.up import Options, up

    options = Options(arguments.only, arguments.without, arguments.reload)
    return asyncio.run(up(console(json=arguments.json, level=arguments.level), options))


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
