"""Runs an ASGI application in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import NoReturn

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from deploy.local.sandbox.web import App

PATIENCE_SECONDS = 2.0
"""How long requests under way may take on the way out: a knob can hold an answer back for a minute."""


def run(app: App, host: str, port: int) -> NoReturn:
    """Serves until SIGTERM or SIGINT, ends the application's life, and ends the process."""
    asyncio.run(_serve(app, host, port))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: the server's own threads may still wait for the interpreter, and abort when it is taken down.
    os._exit(0)


async def _serve(app: App, host: str, port: int) -> None:
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_level=LogLevels.error)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.stop()  # type: ignore[no-untyped-call]
        loop.call_later(PATIENCE_SECONDS, os._exit, 0)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()
