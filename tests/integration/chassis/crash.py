"""Processes that tests kill: engines of their own, and programs of this folder."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from deploy.local.process import Running

ROOT = Path(__file__).resolve().parents[3]
LONG = os.environ.get("KERYA_LONG") == "1"


class Engine:
    """An engine that can be killed, frozen and started again on the same files."""

    def __init__(self, start: Callable[[], Awaitable[Running]]) -> None:
        self._start = start
        self._running: Running | None = None

    async def start(self) -> None:
        self._running = await self._start()

    async def kill(self) -> None:
        assert self._running is not None
        await self._running.kill()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._running is not None
        os.killpg(self._running.pid, number)

    async def stop(self) -> None:
        if self._running is not None:
            self.thaw() if self._running.alive else None
            await self._running.stop()


class Program:
    """One of this folder's programs, as a process with many lives; see `lives`."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._argv = (sys.executable, "-m", f"tests.integration.chassis.{module}", *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.lines: list[str] = []

    async def __aenter__(self) -> "Program":
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'gen'}"}
        self._process = await asyncio.create_subprocess_exec(
            *self._argv, env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read(self._process))
        await self.said("born", 40)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._process is not None and self._reading is not None
        self._process.kill()  # and the life under way with it
        await self._process.wait()
        await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.lines.append(line.decode().strip())

    def count(self, line: str) -> int:
        """How often the program has printed this line."""
        return self.lines.count(line)

    async def said(self, word: str, seconds: float = 20.0) -> None:
        """Waits until the program has printed a line that begins with `word`."""
        async with asyncio.timeout(seconds):
            while not any(line.startswith(word) for line in self.lines):
                await asyncio.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the life under way."""
        born = next(line for line in reversed(self.lines) if line.startswith("born"))
        os.kill(int(born.removeprefix("born ")), number)
