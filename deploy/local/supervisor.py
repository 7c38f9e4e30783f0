"""Starts components in dependency order, brings back what crashes, and stops them callers first."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from deploy.local.component import Component, Stage, State, Status
from deploy.local.process import Running, Sink, StartFailed

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY = 60.0  # a component that ran this long, in seconds, has earned a quick restart again


@dataclass
class _Seat:
    """A component's place in the run."""

    component: Component
    status: Status
    sink: Sink
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    running: Running | None = None
    delay: float = FIRST_DELAY


class Supervisor:
    """Runs components until `stop` is called.

    `on_line(component, text)` takes their output, `on_change(status)` every change of state, with a sentence where a
    person should read one.
    """

    def __init__(
        self,
        components: Iterable[Component],
        *,
        on_line: Callable[[str, str], None],
        on_change: Callable[[Status, str], None],
        forgiving: bool = False,
    ) -> None:
        self._on_change = on_change
        self._forgiving = forgiving
        self._seats: dict[str, _Seat] = {}
        for one in components:
            self._seats[one.name] = _Seat(one, Status(one.name, one.address), partial(on_line, one.name))
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def statuses(self) -> list[Status]:
        return [seat.status for seat in self._seats.values()]

    async def start(self) -> None:
        """Returns once every component is ready. Raises StartFailed for the first that cannot start, unless the run is
        forgiving: then it is tried again, after a while or when its sources change."""
        self._tasks = [asyncio.create_task(self._keep(seat), name=name) for name, seat in self._seats.items()]
        ready = asyncio.create_task(self._all_ready(self._seats))
        try:
            done, _ = await asyncio.wait([ready, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ready}:
                await task
        finally:
            ready.cancel()

    async def broken(self) -> None:
        """Never returns; raises what ended the care for a component, should that happen."""
        await asyncio.gather(*self._tasks)

    def touch(self, names: Iterable[str]) -> None:
        """Restarts components whose sources changed."""
        for name in names:
            self._seats[name].changed.set()

    async def stop(self) -> None:
        """Drains and stops everything, stage by stage; returns when no process is left."""
        await self._let_go()
        for stage in sorted(Stage, reverse=True):
            seats = [seat for seat in self._seats.values() if seat.component.stage is stage]
            await asyncio.gather(*(self._finish(seat) for seat in seats))

    async def kill(self) -> None:
        """Ends everything at once, without asking."""
        await self._let_go()
        await asyncio.gather(*(seat.running.kill() for seat in self._seats.values() if seat.running))

    async def _all_ready(self, names: Iterable[str]) -> None:
        for name in names:
            await self._seats[name].ready.wait()

    async def _let_go(self) -> None:
        """Nothing is started any more; what was about to start has been stopped again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, seat: _Seat) -> None:
        """A component's life: wait for what it needs, start, and start again whenever it ends."""
        component = seat.component
        await self._all_ready(component.needs & self._seats.keys())
        prepare = True
        while True:
            self._tell(seat, State.STARTING)
            seat.changed.clear()  # what changed until now is part of this start
            try:
                if prepare:
                    await component.prepare(seat.sink)
                seat.running = await component.start(seat.sink)
            except StartFailed as failure:
                if not (seat.ready.is_set() or self._forgiving):
                    raise
                prepare = await self._pause(seat, str(failure)) or prepare
                continue
            self._tell(seat, State.READY)
            seat.ready.set()
            prepare = await self._until_over(seat, seat.running)

    async def _until_over(self, seat: _Seat, running: Running) -> bool:
        """Waits until a component has ended, by itself or because its sources changed; True for the latter."""
        began = asyncio.get_running_loop().time()
        end, change = asyncio.create_task(running.wait()), asyncio.create_task(seat.changed.wait())
        try:
            await asyncio.wait([end, change], return_when=asyncio.FIRST_COMPLETED)
        finally:
            end.cancel()
            change.cancel()
        if seat.changed.is_set():
            seat.changed.clear()
            self._tell(seat, State.RESTARTING, "its sources changed")
            await running.stop(seat.component.grace)
            return True
        if asyncio.get_running_loop().time() - began > STEADY:
            seat.delay = FIRST_DELAY
        return await self._pause(seat, _ending(end.result()))

    async def _pause(self, seat: _Seat, reason: str) -> bool:
        """Waits before the next attempt, longer each time; True when a change of sources ended the wait."""
        delay, seat.delay = seat.delay, min(seat.delay * 2, LONGEST_DELAY)
        seat.status.restarts += 1
        self._tell(seat, State.RESTARTING, f"{reason}; next attempt in {delay:g} s")
        try:
            async with asyncio.timeout(delay):
                await seat.changed.wait()
        except TimeoutError:
            return False
        seat.changed.clear()
        return True

    async def _finish(self, seat: _Seat) -> None:
        if seat.running is not None and seat.running.alive:
            await seat.component.drain()
            await seat.running.stop(seat.component.grace)
        self._tell(seat, State.STOPPED)

    def _tell(self, seat: _Seat, state: State, reason: str = "") -> None:
        seat.status.become(state, seat.running.pid if seat.running and state is State.READY else None)
        self._on_change(seat.status, reason)


def _ending(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
