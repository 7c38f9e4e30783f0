"""`kerya down`: stops the mesh that runs here; with --wipe its state goes too."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers

_PATIENCE = 60.0


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("down", help="stop the mesh that runs on this machine")
    parser.add_argument("--wipe", action="store_true", help="also delete its state: databases, events, secrets, keys")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    home = Home.find()
    if not stop(home):
        return 1
    if arguments.wipe:
        return 0 if wipe(home) else 1
    return 0


def stop(home: Home, patience: float = _PATIENCE) -> bool:
    """Ends the supervisor in order and waits for it; False when it is still there after `patience` seconds."""
    from deploy.local.lock import holder

    pid = holder(home.lock)
    if pid is None:
        print("kerya is not running")
        return True
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while holder(home.lock) == pid:
        if time.monotonic() > deadline:
            print(f"process {pid} did not end within {patience:.0f} s; kill -9 {pid} ends it, its components follow")
            return False
        time.sleep(0.1)
    print("kerya is stopped")
    return True


def wipe(home: Home) -> bool:
    """Deletes the state directory; False when it does not look like one."""
    from deploy.local.engines import postgres

    if not home.root.exists():
        print(f"{home.root} is gone already")
        return True
    if not home.is_ours():
        print(f"{home.root} is not a state directory of kerya; nothing was deleted")
        return False
    postgres.remove(home.engine("postgres"))
    shutil.rmtree(home.root)
    print(f"{home.root} is deleted")
    return True
