"""`kerya status`: what runs, one line each. Exit code 0 when all is ready, 1 when not, 3 when nothing runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers

NOT_RUNNING = 3


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("status", help="show what runs (exit code 0 ready, 1 not ready, 3 not running)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    import orjson

    from deploy.local.component import State
    from deploy.local.console import console, status_of
    from deploy.local.lock import holder

    home = Home.find()
    view = console(json=arguments.json, level="INFO")
    if holder(home.lock) is None or not home.state.exists():
        view.problem("kerya is not running; `kerya up` starts it")
        return NOT_RUNNING
    statuses = [status_of(each) for each in orjson.loads(home.state.read_bytes())["components"]]
    view.table(statuses, {})
    return 0 if all(status.state is State.READY for status in statuses) else 1
