"""PostgreSQL 18 from its wheel: one cluster, a role and a database for every service."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from deploy.local.engines import binaries
from deploy.local.probe import LOOPBACK
from deploy.local.process import Account, Running, Sink, run_to_end, spawn, stopped_on_failure, until_ready

SUPERUSER = "postgres"

# A development machine's shape; what protects data (fsync, full pages) stays as PostgreSQL ships it.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "wal_level": "replica",
    "max_connections": "200",
    "shared_buffers": "96MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "max_wal_size": "512MB",
    "jit": "off",  # compiling costs more than it saves on queries of milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_line_prefix": "",
}

# Walls behind the ones the chassis sets on its own sessions.
_ROLE_SETTINGS: Mapping[str, str] = {
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "10s",
}


@dataclass(frozen=True)
class Cluster:
    """Where a cluster lives and who may enter it. `roles` maps a service's name to its password."""

    directory: Path
    port: int
    password: str
    roles: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def url(self, role: str, database: str | None = None) -> str:
        """The address SQLAlchemy's asyncpg dialect takes; `database` is the role's own where not named."""
        password = self.password if role == SUPERUSER else self.roles[role]
        return f"postgresql+asyncpg://{role}:{password}@{LOOPBACK}:{self.port}/{database or role}"


async def start(cluster: Cluster, *, sink: Sink | None = None) -> Running:
    """Makes the cluster where there is none, starts it, and returns once every role can use its database."""
    account = binaries.unprivileged()
    programs = binaries.postgres_bin(account)
    data = _home(cluster.directory, account) / "data"
    if not data.exists():
        await _initialise(cluster, programs, data, account, sink)
    settings = {**SETTINGS, **cluster.settings, "port": str(cluster.port)}
    options = (part for key, value in settings.items() for part in ("-c", f"{key}={value}"))
    # SIGINT is the fast shutdown: sessions are ended, the files are closed in order.
    running = await spawn(
        "postgres",
        [programs / "postgres", "-D", data, *options],
        env=_environment(),
        account=account,
        stop_signal=signal.SIGINT,
        sink=_without_probes(sink),
    )
    await until_ready(running, lambda: _answers(cluster))
    async with stopped_on_failure(running):
        await _provision(cluster)
    return running


@asynccontextmanager
async def administer(cluster: Cluster, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    """A superuser's session."""
    connection = await asyncpg.connect(
        host=LOOPBACK, port=cluster.port, user=SUPERUSER, password=cluster.password, database=database, timeout=5
    )
    try:
        yield connection
    finally:
        await connection.close()


async def create_database(cluster: Cluster, role: str, database: str) -> None:
    """An empty database of `role` that no other role may enter."""
    async with administer(cluster) as connection:
        await connection.execute(f'CREATE DATABASE "{database}" OWNER "{role}" TEMPLATE template0')
        await connection.execute(f'REVOKE ALL ON DATABASE "{database}" FROM PUBLIC')


def remove(directory: Path) -> None:
    """Deletes a stopped cluster, also where it had to live outside `directory`."""
    for path in (binaries.outside(directory), directory):
        shutil.rmtree(path, ignore_errors=True)


def _home(directory: Path, account: Account | None) -> Path:
    """The folder the cluster may use: elsewhere when its account could not pass through ours."""
    directory.mkdir(parents=True, exist_ok=True)
    if account is None:
        return directory
    if not binaries.reachable(directory.parent, account):
        binaries.open_way(binaries.outside(directory).parent)
        directory = binaries.outside(directory)
        directory.mkdir(exist_ok=True)
    os.chown(directory, *account)
    directory.chmod(0o700)
    return directory


async def _initialise(cluster: Cluster, programs: Path, data: Path, account: Account | None, sink: Sink | None) -> None:
    """Makes the cluster beside its place and moves it there when it is whole."""
    partial, password = data.with_name("data.partial"), data.with_name("password")
    shutil.rmtree(partial, ignore_errors=True)
    password.touch(mode=0o600)
    password.write_text(cluster.password)
    if account is not None:
        os.chown(password, *account)
    try:
        await run_to_end(
            "initdb",
            [
                programs / "initdb",
                f"--pgdata={partial}",
                f"--username={SUPERUSER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",  # the wheel has no ICU, and plain C knows no case beyond ASCII
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
            ],
            env=_environment(),
            account=account,
            sink=None,
        )
    finally:
        password.unlink()
    partial.rename(data)


def _without_probes(sink: Sink | None) -> Sink | None:
    """Whoever asks too early is told so, and the log says so too: our own readiness probe need not be read about."""
    early = ("system is starting up", "not yet accepting connections", "Consistent recovery state has not been")
    if sink is None:
        return None
    return lambda text: None if any(words in text for words in early) else sink(text)


def _environment() -> dict[str, str]:
    """Nothing of ours: a PGDATA or PGPORT left in the shell must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


async def _answers(cluster: Cluster) -> bool:
    try:
        async with administer(cluster):
            return True
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False


async def _provision(cluster: Cluster) -> None:
    async with administer(cluster) as connection:
        existing = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for role, password in cluster.roles.items():
            await _ensure_role(connection, role, password)
    for role in cluster.roles.keys() - existing:
        await create_database(cluster, role, role)


async def _ensure_role(connection: asyncpg.Connection, role: str, password: str) -> None:
    known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if known else "CREATE"
    secret = await connection.fetchval("SELECT quote_literal($1)", password)
    await connection.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD {secret}')
    for key, value in _ROLE_SETTINGS.items():
        await connection.execute(f"ALTER ROLE \"{role}\" SET {key} = '{value}'")
