"""A program with many lives: when it is killed it is there again at once, without the seconds that imports take."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable

_PR_SET_PDEATHSIG = 1


def live(main: Callable[[], Awaitable[None]]) -> None:
    """Runs `main` in a forked process, and again whenever that ends. Prints "born PID" and "died CODE"."""
    _die_with_parent()
    while True:
        pid = os.fork()
        if pid == 0:
            _die_with_parent()
            asyncio.run(_until_the_end(main))
        print(f"born {pid}", flush=True)
        _, status = os.waitpid(pid, 0)
        print(f"died {os.waitstatus_to_exitcode(status)}", flush=True)


async def _until_the_end(main: Callable[[], Awaitable[None]]) -> None:
    await main()
    await asyncio.Event().wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
