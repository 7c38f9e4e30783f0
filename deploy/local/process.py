"""A child process that never outlives us: started, watched until ready, stopped in an orderly way."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Sink = Callable[[str], None]
Probe = Callable[[], Awaitable[bool]]

_LAUNCH = str(Path(__file__).with_name("launch.py"))
_TAIL = 20
_LINE_LIMIT = 1 << 20


class StartFailed(Exception):
    """A component could not be brought up; the text is one line for a person, `tail` its last output."""

    def __init__(self, message: str, tail: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.tail = tuple(tail)
        for line in self.tail:
            self.add_note(line)


class Account(NamedTuple):
    """The unprivileged user a program runs as."""

    uid: int
    gid: int


@dataclass(eq=False)
class Running:
    """A started program: what its starter hands back, and what stops it."""

    name: str
    process: asyncio.subprocess.Process
    stop_signal: signal.Signals
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    _pump: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def wait(self) -> int:
        """Waits for the end and for the last line of output; the exit code, negative for a signal."""
        code = await self.process.wait()
        self._signal_group(signal.SIGKILL)
        if self._pump is not None:
            await asyncio.wait([self._pump], timeout=2)
        return code

    async def stop(self, grace: float = 10.0) -> int:
        """Asks the program to end, and ends it by force when `grace` seconds were not enough."""
        if self.alive:
            with suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)
        try:
            async with asyncio.timeout(grace):
                await self.process.wait()
        except TimeoutError:
            self._signal_group(signal.SIGKILL)
        return await self.wait()

    async def kill(self) -> int:
        """Ends the program the hard way, as a crash would."""
        if self.alive:
            self._signal_group(signal.SIGKILL)
        return await self.wait()

    def _signal_group(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signum)


async def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    sink: Sink | None = None,
) -> Running:
    """Starts a program in a session of its own.

    It gets `stop_signal` when we die, whatever we die of, so that an engine still closes its files. `sink` takes its
    output line by line; the last lines are kept either way, to explain a failed start.
    """
    uid, gid = account or (-1, -1)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(int(stop_signal)), str(uid), str(gid)),
        *(str(part) for part in argv),
        env=dict(os.environ if env is None else env),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=_LINE_LIMIT,
    )
    running = Running(name, process, stop_signal)
    running._pump = asyncio.create_task(_pump(running, sink), name=f"output of {name}")
    return running


async def _pump(running: Running, sink: Sink | None) -> None:
    stream = running.process.stdout
    assert stream is not None
    while line := await _read_line(stream):
        text = line.decode(errors="replace").rstrip("\r\n")
        running.tail.append(text)
        if sink is not None:
            sink(text)


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than the limit: the reader has dropped it, the stream goes on
        return b"(a line of more than 1 MiB was left out)\n"


@asynccontextmanager
async def stopped_on_failure(running: Running) -> AsyncIterator[None]:
    """Stops the program when what its start still needs fails or is cancelled."""
    try:
        yield
    except BaseException:
        await running.stop()
        raise


async def until_ready(running: Running, probe: Probe, *, within: float = 30.0, every: float = 0.05) -> None:
    """Polls `probe` until it is true. When the program ends first or `within` seconds pass: StartFailed, and it is
    stopped."""
    deadline = asyncio.get_running_loop().time() + within
    async with stopped_on_failure(running):
        while not await probe():
            if not running.alive:
                code = await running.wait()
                raise StartFailed(f"{running.name} ended with code {code} before it was ready", running.tail)
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"{running.name} was not ready within {within:.0f} s", running.tail)
            await asyncio.sleep(every)


async def run_to_end(
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
    sink: Sink | None = None,
) -> None:
    """Runs a program that is expected to finish; StartFailed for any exit code but 0."""
    running = await spawn(name, argv, env=env, cwd=cwd, account=account, sink=sink)
    async with stopped_on_failure(running):
        code = await running.wait()
    if code != 0:
        raise StartFailed(f"{name} failed with code {code}", running.tail)
