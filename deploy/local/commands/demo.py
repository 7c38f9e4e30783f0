"""`kerya demo`: plays the booking journey against the running mesh. Exit code 0 when every step held, 1 when not."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("demo", help="play the booking journey and show each request and answer")
    parser.add_argument("--url", help="the public API; default: the edge on this machine")
    parser.add_argument("--sandbox", help="the provider sandbox; default: the one on this machine")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    import httpx
    from rich.console import Console

    from deploy.local.demo.edge import StepFailed, public_client
    from deploy.local.demo.story import Story
    from services.chassis import topology

    screen = Console()
    ports = topology.load()
    sandbox_url = arguments.sandbox or f"http://127.0.0.1:{ports.tools.sandbox}"
    try:
        with (
            public_client(
                arguments.url or f"https://localhost:{ports.edge.https}", Home.find().pki / "ca.pem"
            ) as public,
            httpx.Client(base_url=sandbox_url, timeout=15.0) as sandbox,
        ):
            Story(public, sandbox, screen).play()
    except StepFailed as failure:
        screen.print(f"\n[bold red]✗ {failure}[/]")
        return 1
    screen.print(f"\n[bold green]✓ The journey holds.[/] Every e-mail and payment: {sandbox_url}/")
    return 0
