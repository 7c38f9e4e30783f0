"""`kerya admin grant`: makes somebody an administrator of the mesh on this machine."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers

TIMEOUT_S = 60


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("admin", help="grant what nobody can get through the API")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    grant = actions.add_parser("grant", help="make the owner of a verified e-mail address an administrator")
    grant.add_argument("email")
    grant.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from deploy.local.lock import holder
    from deploy.local.up import prepare_state

    home = Home.find()
    if not holder(home.lock):
        print("The mesh is not running: start it with `kerya up`.")
        return 1
    settings = prepare_state(home)
    # In a process of its own, with the service's own environment: commands know no service.
    command = [sys.executable, "-m", "services.user", "grant-admin", arguments.email]
    environment = settings.service(settings.topology.services["user"])
    return subprocess.run(command, env=environment, timeout=TIMEOUT_S, check=False).returncode
