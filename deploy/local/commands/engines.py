"""`kerya engines`: engines that no wheel brings. Elasticsearch is the only one."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from deploy.local.home import Home
from deploy.local.process import StartFailed

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers
    from deploy.local.engines.elasticsearch import Node


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("engines", help="fetch or start an engine that no wheel brings")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="bring the engine here; needs a JDK and Maven")
    start = actions.add_parser("start", help="run the engine in the foreground, and say what it can do")
    for action, chosen in ((fetch, _fetch), (start, _start)):
        action.add_argument("engine", choices=["elasticsearch"])
        action.set_defaults(run=run, action=chosen)
    start.add_argument("--heap", type=int, default=512, metavar="MB", help="Java heap; default: 512")


def run(arguments: argparse.Namespace) -> int:
    try:
        asyncio.run(arguments.action(arguments))
    except StartFailed as problem:
        print(problem)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


async def _fetch(_: argparse.Namespace) -> None:
    from deploy.local.engines import elasticsearch_distribution

    distribution = await elasticsearch_distribution.fetch(Home.find().engine("elasticsearch"), sink=print)
    print(f"Elasticsearch {elasticsearch_distribution.VERSION} is in {distribution.home}")


async def _start(arguments: argparse.Namespace) -> None:
    from deploy.local.engines import elasticsearch, elasticsearch_distribution
    from services.chassis import topology

    directory = Home.find().engine("elasticsearch")
    distribution = await elasticsearch_distribution.fetch(directory, sink=print)
    node = elasticsearch.Node(directory / "node", topology.load().engines.elasticsearch, arguments.heap)
    running = await elasticsearch.start(node, distribution, sink=print)
    try:
        await _describe(node)
        code = await running.wait()
        raise StartFailed(f"Elasticsearch ended with code {code}", running.tail)
    finally:
        await running.stop()


async def _describe(node: Node) -> None:
    import httpx

    from deploy.local.engines.elasticsearch_probe import capabilities, modules

    async with httpx.AsyncClient(base_url=node.url, timeout=30) as client:
        able = await capabilities(client)
        print(f"Elasticsearch answers at {node.url} (Ctrl-C stops it); modules: {', '.join(await modules(client))}")
    for answer, word in ((True, "can"), (False, "cannot")):
        print(f"  {word}: {', '.join(name for name, value in able.items() if value is answer)}")
