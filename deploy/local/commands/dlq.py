"""`kerya dlq`: the events that consumers gave up; look at them, and send them on their way again."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from deploy.local.home import Home

if TYPE_CHECKING:
    from deploy.local.cli import Subparsers
    from services.chassis.jetstream import JetStream

NATS_URL = "KERYA_NATS_URL"
CONNECT_S = 5.0


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("dlq", help="list, show or redrive the events that consumers gave up")
    parser.add_argument("--nats", metavar="URL", help=f"the bus; default: ${NATS_URL}, or the mesh on this machine")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="one line for each dead letter")
    listing.add_argument("--consumer", metavar="NAME", help="of this consumer only")
    listing.set_defaults(run=run, action=_list)
    show = actions.add_parser("show", help="a letter, its event and why it died")
    show.add_argument("number", type=int)
    show.set_defaults(run=run, action=_show)
    redrive = actions.add_parser("redrive", help="publish events again; only consumers that had not handled them act")
    redrive.add_argument("numbers", type=int, nargs="*", metavar="NUMBER")
    redrive.add_argument("--consumer", metavar="NAME", help="every letter of this consumer")
    redrive.set_defaults(run=run, action=_redrive)


def run(arguments: argparse.Namespace) -> int:
    from services.chassis.deadletter import LetterGone

    try:
        code: int = asyncio.run(arguments.action(arguments))
    except (LetterGone, ConnectionError) as problem:
        print(problem)
        return 1
    return code


@asynccontextmanager
async def _bus(arguments: argparse.Namespace) -> AsyncIterator[JetStream]:
    from services.chassis import deadletter
    from services.chassis.jetstream import JetStream

    url = arguments.nats or os.environ.get(NATS_URL) or _local_url()
    jetstream = JetStream(url, name="kerya dlq")
    await jetstream.start(within=CONNECT_S)
    try:
        if not jetstream.connected:
            raise ConnectionError(f"the bus does not answer at {url.rpartition('@')[2]}")
        await deadletter.declare(jetstream)
        yield jetstream
    finally:
        await jetstream.stop()


def _local_url() -> str:
    from deploy.local.up import prepare_state

    return prepare_state(Home.find()).bus.url("operator")


async def _list(arguments: argparse.Namespace) -> int:
    from services.chassis import deadletter

    async with _bus(arguments) as jetstream:
        async for letter in deadletter.letters(jetstream):
            if arguments.consumer in (None, letter.consumer):
                when = letter.died_at.strftime("%Y-%m-%d %H:%M:%S")
                print(
                    f"{letter.number:>6}  {when}  {letter.consumer:<24}  {letter.deliveries:>2} tries  {letter.reason}"
                )
    return 0


async def _show(arguments: argparse.Namespace) -> int:
    import orjson

    from services.chassis import deadletter
    from services.chassis.contract import Contract

    async with _bus(arguments) as jetstream:
        opened = await deadletter.open_letter(jetstream, Contract.load(), arguments.number)
    letter, envelope = opened.letter, opened.envelope
    print(f"letter     {letter.number}, {letter.died_at:%Y-%m-%d %H:%M:%S} UTC")
    print(f"consumer   {letter.consumer}, {letter.deliveries} tries")
    print(f"reason     {letter.reason}")
    print(f"event      {envelope.id}, number {letter.event_number} of {letter.stream}")
    print(f"subject    {opened.subject}, {envelope.type}")
    print(f"occurred   {envelope.occurred_at:%Y-%m-%d %H:%M:%S} UTC")
    print(orjson.dumps(opened.body, option=orjson.OPT_INDENT_2).decode())
    return 0


async def _redrive(arguments: argparse.Namespace) -> int:
    from services.chassis import deadletter

    if not arguments.numbers and not arguments.consumer:
        print("name the letters to redrive, or a --consumer")
        return 2
    async with _bus(arguments) as jetstream:
        numbers = list(arguments.numbers)
        if arguments.consumer:
            numbers += [
                letter.number async for letter in deadletter.letters(jetstream) if letter.consumer == arguments.consumer
            ]
        for number in numbers:
            letter = await deadletter.redrive(jetstream, number)
            print(f"{number} is on its way to {letter.consumer} again")
    return 0
