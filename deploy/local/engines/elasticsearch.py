"""Elasticsearch, the real server on one machine: bounded memory, loopback, an unprivileged user, no security."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines import binaries
from deploy.local.engines.elasticsearch_distribution import Distribution, java_home, place
from deploy.local.probe import LOOPBACK, http_ok
from deploy.local.process import Account, Running, Sink, spawn, until_ready

HEAP_MB = 512
# A JVM and its indices on two busy cores.
_START_LIMIT = 120.0

# Nothing here needs a certificate or a password: the port is open on loopback only, like the other engines' data it
# can be rebuilt from, and the bare server has no module that would make use of a licence.
_CONFIG = """\
cluster.name: kerya
node.name: kerya
discovery.type: single-node
network.host: {address}
http.port: {port}
transport.port: 0
path.data: {directory}/data
path.logs: {directory}/logs
xpack.security.enabled: false
action.auto_create_index: false
"""

# The heap is fixed, so its pages are touched as they are used; what is beside it has a bound of its own.
_JVM = """\
-Xms{heap}m
-Xmx{heap}m
-XX:-AlwaysPreTouch
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:MaxDirectMemorySize=64m
-XX:ReservedCodeCacheSize=64m
-XX:+ExitOnOutOfMemoryError
-Djava.io.tmpdir=${{ES_TMPDIR}}
"""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %p %c{1.} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True)
class Node:
    """Where a node lives. `heap_mb` is the Java heap; the process takes about 200 MB beside it."""

    directory: Path
    port: int
    heap_mb: int = HEAP_MB

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


async def start(node: Node, distribution: Distribution, *, sink: Sink | None = None) -> Running:
    """Starts the server on what its directory holds and returns once its cluster answers."""
    account = binaries.unprivileged()
    home = _prepared(node, account)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "ES_JAVA_HOME": str(java_home()),
        "ES_PATH_CONF": str(home / "config"),
        "ES_TMPDIR": str(home / "tmp"),
        "CLI_JAVA_OPTS": "-Xmx32m -XX:TieredStopAtLevel=1",  # the launcher stays as the parent of the server
    }
    program = distribution.home / "bin" / "elasticsearch"
    running = await spawn("elasticsearch", [program], env=environment, cwd=home, account=account, sink=sink)
    await until_ready(running, lambda: http_ok(node.port, "/_cluster/health"), within=_START_LIMIT, every=0.25)
    return running


def _prepared(node: Node, account: Account | None) -> Path:
    """The node's folder, elsewhere where its account could not pass through ours, with a fresh configuration."""
    home = place(node.directory)
    for folder in ("config", "data", "logs", "tmp"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    values = {"address": LOOPBACK, "port": node.port, "directory": home, "heap": node.heap_mb}
    (home / "config" / "elasticsearch.yml").write_text(_CONFIG.format(**values))
    (home / "config" / "jvm.options").write_text(_JVM.format(**values))
    (home / "config" / "log4j2.properties").write_text(_LOGGING)
    if account is not None:
        for path in (home, *home.rglob("*")):
            shutil.chown(path, *account)
    return home
