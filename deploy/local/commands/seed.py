"""`kerya seed`: loads listings through the public API. Can be broken off at any time; the next run goes on. Exit code 1
when a listing was refused."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.home import SOURCES, Home

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.local.cli import Subparsers
    from deploy.local.seed.listing import Listing
    from deploy.local.seed.loader import Outcome
    from deploy.local.seed.state import SeedState

DATA = "KERYA_DATA"
SHOWN_REFUSALS = 5


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("seed", help="load real listings (or generated ones) through the public API")
    parser.add_argument("--count", type=int, help="how many; default: all there are, or 200 generated ones")
    parser.add_argument("--concurrency", type=int, default=8, help="requests under way at once (default 8)")
    parser.add_argument("--hosts", type=int, default=16, help="accounts the listings are spread over (default 16)")
    parser.add_argument("--data", type=Path, help=f"directory of the files; default: ${DATA}, else ../shared/data")
    parser.add_argument("--url", help="the public API; default: the edge on this machine")
    parser.add_argument("--restart", action="store_true", help="forget what earlier runs have done")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    import asyncio
    import secrets

    from rich.console import Console

    from deploy.local.seed.sources import found, listings
    from deploy.local.seed.state import SeedState

    screen = Console()
    home = Home.find()
    data = found(arguments.data or Path(os.environ.get(DATA, SOURCES.parent / "shared" / "data")))
    wanted = listings(data, arguments.count)
    path = home.root / "seed" / "state.jsonl"
    if arguments.restart:
        path.unlink(missing_ok=True)
    state = SeedState(path, secrets.token_hex(4))
    screen.print(f"{len(wanted)} listings from {data or 'the generator'}; progress is kept in {path}")
    try:
        outcome = asyncio.run(_load(arguments, home, state, wanted, screen))
    except KeyboardInterrupt:
        screen.print("broken off; the next run goes on from here")
        return 130
    except FileNotFoundError as problem:
        screen.print(f"[red]{problem}[/]")
        return 1
    finally:
        state.close()
    screen.print(f"loaded {outcome.loaded}, there before {outcome.known}, refused {len(outcome.refused)}")
    for key, why in outcome.refused[:SHOWN_REFUSALS]:
        screen.print(f"  [red]{key}[/] {why}", highlight=False, markup=True)
    return 1 if outcome.refused else 0


async def _load(
    arguments: argparse.Namespace, home: Home, state: SeedState, wanted: list[Listing], screen: Console
) -> Outcome:
    import ssl

    import httpx
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from deploy.local.seed.api import Api
    from deploy.local.seed.hosts import Hosts
    from deploy.local.seed.loader import Loader
    from services.chassis import topology

    authority = home.pki / "ca.pem"
    if not authority.is_file():
        raise FileNotFoundError(f"no development certificates at {authority}: start the mesh first (kerya up)")
    url = arguments.url or f"https://localhost:{topology.load().edge.https}"
    tls = ssl.create_default_context(cafile=str(authority))
    limits = httpx.Limits(max_connections=arguments.concurrency)
    waits = TextColumn("{task.description}")
    columns = (TextColumn("seeding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), waits)
    async with httpx.AsyncClient(base_url=url, verify=tls, limits=limits, timeout=20.0, http2=False) as client:
        api = Api(client)
        loader = Loader(api, Hosts(api, state, arguments.hosts), state, arguments.concurrency)
        with Progress(*columns, console=screen) as progress:
            task = progress.add_task("", total=len(wanted))
            return await loader(
                wanted,
                lambda: progress.update(task, advance=1, description=f"waited {api.waits}×" if api.waits else ""),
            )
