"""`kerya up` as a person uses it: the ready line, refusals in one line, and no process left at the end."""

import asyncio
import json
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.preflight import ports
from deploy.local.probe import is_free
from services.chassis.topology import load

PARTS = frozenset({"postgres", "redis", "nats"})
QUICK = frozenset({"redis", "nats"})
KERYA = (sys.executable, "-m", "deploy.local.cli")


@dataclass
class Machine:
    """A state directory and a range of ports, and the command run on them."""

    home: Path
    base: int

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KERYA_HOME": str(self.home),
            "KERYA_PORT_BASE": str(self.base),
            "PYTHONPATH": f".{os.pathsep}gen",
            "PATH": os.environ["PATH"],
            "CI": "1",
        }

    async def begin(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(*KERYA, *arguments),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )

    async def run(self, *arguments: str) -> tuple[int, str]:
        process = await self.begin(*arguments)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode or 0, output.decode()

    async def up(self, parts: frozenset[str] = PARTS) -> asyncio.subprocess.Process:
        """A mesh of engines alone, ready."""
        process = await self.begin("up", "--only", ",".join(parts))
        await self.read_until(process, "is ready in")
        return process

    async def read_until(self, process: asyncio.subprocess.Process, text: str) -> str:
        assert process.stdout is not None
        seen = ""
        async with asyncio.timeout(40):
            while text not in seen:
                line = await process.stdout.readline()
                assert line, f"it ended before {text!r}:\n{seen}"
                seen += line.decode()
        return seen

    def ports(self) -> list[int]:
        return list(ports(load(environment=self.environment), PARTS))

    async def until_free(self) -> None:
        async with asyncio.timeout(20):
            while not all(is_free(port) for port in self.ports()):
                await asyncio.sleep(0.05)


def _pids(home: Path) -> list[int]:
    components = json.loads((home / "run" / "state.json").read_bytes())["components"]
    return [component["pid"] for component in components]


def _alive(pid: int) -> bool:
    """True for a process that runs; one that has ended and waits for its parent's notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and at Linux's death signal")


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    bases = (random.randrange(20_000, 50_000, 10) for _ in range(100))
    found = Machine(tmp_path / "home", 0)
    for found.base in bases:
        if all(is_free(port) for port in found.ports()):
            break
    yield found
    code, output = await found.run("down", "--wipe")
    assert code == 0, output
    assert not found.home.exists()


async def test_ctrl_c_leaves_no_process(machine: Machine) -> None:
    mesh = await machine.up()
    pids = _pids(machine.home)
    assert len(pids) == len(PARTS)
    mesh.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(mesh.wait(), 20) == 0
    assert not any(_alive(pid) for pid in pids)
    await machine.until_free()


async def test_status_tells_what_runs_by_text_and_exit_code(machine: Machine) -> None:
    code, output = await machine.run("status")
    assert (code, output.count("\n")) == (3, 1)
    assert "kerya is not running; `kerya up` starts it" in output
    mesh = await machine.up(QUICK)
    code, output = await machine.run("status", "--json")
    table = json.loads(output)
    assert code == 0
    assert {part["component"]: part["state"] for part in table["components"]} == dict.fromkeys(QUICK, "ready")
    mesh.terminate()
    await mesh.wait()


async def test_a_second_up_is_refused_in_one_line(machine: Machine) -> None:
    mesh = await machine.up(QUICK)
    code, output = await machine.run("up")
    assert code == 1
    assert output.count("\n") == 1
    assert f"kerya is already up (process {mesh.pid}); `kerya down` stops it" in output
    code, output = await machine.run("down")
    assert (code, output) == (0, "kerya is stopped\n")
    assert await mesh.wait() == 0


async def test_a_busy_port_is_refused_in_one_line(machine: Machine) -> None:
    port = load(environment=machine.environment).engines.redis
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", port))
        listener.listen()
        code, output = await machine.run("up", "--only", "redis")
    assert code == 1
    assert output.count("in use") == 1
    assert f"port {port} (redis redis) is in use; KERYA_PORT_BASE=" in output


async def test_a_killed_supervisor_takes_its_engines_along_and_the_next_one_says_so(machine: Machine) -> None:
    mesh = await machine.up()
    pids = _pids(machine.home)
    mesh.kill()
    await mesh.wait()
    again = await machine.begin("up", "--only", ",".join(PARTS))
    seen = await machine.read_until(again, "is ready in")
    assert f"cleaned the lock of process {mesh.pid}, which ended without giving it back" in seen
    assert not any(_alive(pid) for pid in pids)
    again.terminate()
    assert await again.wait() == 0


async def test_a_crashed_engine_comes_back(machine: Machine) -> None:
    mesh = await machine.up()
    os.kill(_pids(machine.home)[0], signal.SIGKILL)
    seen = await machine.read_until(mesh, "was killed by signal 9; next attempt in 0.5 s")
    seen = await machine.read_until(mesh, "ready")
    assert "postgres" in seen
    mesh.terminate()
    assert await mesh.wait() == 0


async def test_json_events_are_for_programs(machine: Machine) -> None:
    mesh = await machine.begin("up", "--only", "redis", "--json")
    seen = await machine.read_until(mesh, '"ready":true')
    events = [json.loads(line) for line in seen.splitlines()]
    states = [event["state"] for event in events if event["event"] == "state" and event["component"] == "redis"]
    assert states == ["starting", "ready"]
    mesh.terminate()
    assert await mesh.wait() == 0
