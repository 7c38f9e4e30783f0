"""The supervisor on real processes: order, restarts, an orderly end, and nothing left behind."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.component import Component, Stage, State, Status
from deploy.local.process import StartFailed
from deploy.local.supervisor import Supervisor
from tests.integration.deploy.components import component, failing


class Watcher:
    """Keeps what the supervisor told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.changes: list[tuple[str, State, str]] = []

    def supervise(self, *components: Component, forgiving: bool = False) -> Supervisor:
        return Supervisor(
            components,
            on_line=lambda name, text: self.lines.append((name, text)),
            on_change=self._note,
            forgiving=forgiving,
        )

    def _note(self, status: Status, reason: str) -> None:
        self.changes.append((status.name, status.state, reason))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _pids(supervisor: Supervisor) -> dict[str, int]:
    return {status.name: status.pid for status in supervisor.statuses if status.pid is not None}


async def _eventually(true: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.02)


async def test_it_starts_what_is_needed_first_and_stops_callers_first(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = watcher.supervise(
        component(tmp_path, "edge", Stage.EDGE, "service"),
        component(tmp_path, "service", Stage.SERVICE, "engine"),
        component(tmp_path, "engine", Stage.ENGINE),
    )
    await supervisor.start()
    assert (tmp_path / "started").read_text().split() == ["engine", "service", "edge"]
    pids = _pids(supervisor)
    await supervisor.stop()
    assert (tmp_path / "journal").read_text().split() == ["edge", "service", "engine"]
    assert not any(_alive(pid) for pid in pids.values())
    assert ("service", "hello from service") in watcher.lines


async def test_a_crashed_component_comes_back(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = watcher.supervise(component(tmp_path, "service", Stage.SERVICE))
    await supervisor.start()
    try:
        first = _pids(supervisor)["service"]
        os.kill(first, signal.SIGKILL)
        await _eventually(lambda: _pids(supervisor).get("service", first) != first)
        assert supervisor.statuses[0].restarts == 1
        assert ("service", State.RESTARTING, "was killed by signal 9; next attempt in 0.5 s") in watcher.changes
    finally:
        await supervisor.stop()
    assert not _alive(first)


async def test_the_others_run_on_while_one_is_restarted(tmp_path: Path) -> None:
    supervisor = Watcher().supervise(
        component(tmp_path, "engine", Stage.ENGINE), component(tmp_path, "service", Stage.SERVICE, "engine")
    )
    await supervisor.start()
    try:
        before = _pids(supervisor)
        os.kill(before["engine"], signal.SIGKILL)
        await _eventually(lambda: _pids(supervisor).get("engine", before["engine"]) != before["engine"])
        assert _pids(supervisor)["service"] == before["service"]
    finally:
        await supervisor.stop()


async def test_the_first_start_that_fails_ends_the_run_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Watcher().supervise(component(tmp_path, "engine", Stage.ENGINE), failing("service", "no such table"))
    with pytest.raises(StartFailed, match="service ended with code 3 before it was ready") as failure:
        await supervisor.start()
    assert failure.value.tail == ("no such table",)
    pids = _pids(supervisor)
    await supervisor.stop()
    assert not any(_alive(pid) for pid in pids.values())


async def test_a_changed_source_restarts_its_component_only(tmp_path: Path) -> None:
    supervisor = Watcher().supervise(
        component(tmp_path, "user", Stage.SERVICE), component(tmp_path, "booking", Stage.SERVICE)
    )
    await supervisor.start()
    try:
        before = _pids(supervisor)
        supervisor.touch(["user"])
        await _eventually(lambda: _pids(supervisor).get("user", before["user"]) != before["user"])
        assert _pids(supervisor)["booking"] == before["booking"]
        assert (tmp_path / "journal").read_text().split() == ["user"]
    finally:
        await supervisor.stop()


async def test_a_forgiving_run_waits_for_a_repair(tmp_path: Path) -> None:
    watcher = Watcher()
    supervisor = watcher.supervise(failing("service", "SyntaxError"), forgiving=True)
    starting = asyncio.create_task(supervisor.start())
    await _eventually(lambda: any(state is State.RESTARTING for _, state, _ in watcher.changes))
    assert not starting.done()
    await supervisor.stop()
    starting.cancel()


async def test_kill_ends_even_what_does_not_listen(tmp_path: Path) -> None:
    supervisor = Watcher().supervise(component(tmp_path, "service", Stage.SERVICE))
    await supervisor.start()
    pid = _pids(supervisor)["service"]
    await supervisor.kill()
    assert not _alive(pid)
    assert not (tmp_path / "journal").exists()


_PARENT = """
import asyncio, pathlib, sys
from deploy.local.component import Stage
from deploy.local.supervisor import Supervisor
from tests.integration.deploy.components import component
async def main():
    supervisor = Supervisor(
        [component(pathlib.Path(sys.argv[1]), "orphan", Stage.SERVICE)],
        on_line=lambda *_: None, on_change=lambda *_: None,
    )
    await supervisor.start()
    print(supervisor.statuses[0].pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
async def test_children_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARENT, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ".", "PATH": os.defpath},
    )
    assert parent.stdout is not None
    child = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert _alive(child)
    parent.kill()
    await parent.wait()
    await _eventually(lambda: not _alive(child))
    assert (tmp_path / "journal").read_text().split() == ["orphan"]
