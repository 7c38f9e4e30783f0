"""The Elasticsearch server from Maven Central, with the language analyzers that this distribution leaves out.

What Elastic publishes there is the server its own integration tests run: core, HTTP and x-pack's base, without
`analysis-common` and the other modules (docs/adr/0004-elasticsearch.md). Lucene's analyzers are in its libraries all the
same, so a module of one class offers them by their usual names.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.engines import binaries
from deploy.local.process import Sink, StartFailed, run_to_end

VERSION = "8.19.0"
JAVA = "17"

_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_SOURCE = Path(__file__).with_name("analysis") / "LanguageAnalysis.java"
_DESCRIPTOR = f"""\
name=kerya-analysis
description=Arabic, English and French analyzers
version=1
elasticsearch.version={VERSION}
java.version={JAVA}
classname=kerya.analysis.LanguageAnalysis
"""


@dataclass(frozen=True)
class Distribution:
    """An unpacked server, readable by the account that runs it."""

    home: Path


def missing_tools() -> list[str]:
    """What fetching needs and this machine lacks: a JDK of version 17 or later, and Maven."""
    return [tool for tool in ("java", "javac", "mvn") if shutil.which(tool) is None]


def java_home() -> Path:
    """The JDK behind `java`."""
    java = shutil.which("java")
    if java is None:
        raise StartFailed("java is missing: Elasticsearch needs a JDK of version 17 or later")
    return Path(java).resolve().parents[1]


def installed(directory: Path) -> Distribution | None:
    """The server that `fetch` put under `directory`, or None."""
    home = _home(directory)
    return Distribution(home) if home.is_dir() else None


async def fetch(directory: Path, *, sink: Sink | None = None) -> Distribution:
    """Brings the server under `directory`, about 110 MB; done before, it does nothing. StartFailed where it cannot."""
    found = installed(directory)
    if found is not None:
        return found
    if missing := missing_tools():
        raise StartFailed(
            f"{' and '.join(missing)} missing: fetching Elasticsearch needs a JDK (17 or later) and Maven"
        )
    home = _home(directory)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".fetch-") as work:
        unpacked = await _downloaded(Path(work), sink)
        await _add_analyzers(unpacked, Path(work), sink)
        for path in (unpacked, *unpacked.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        unpacked.rename(home)
    return Distribution(home)


def place(directory: Path) -> Path:
    """`directory`, or a stable one elsewhere when the account that runs the server could not pass through ours."""
    account = binaries.unprivileged()
    directory.parent.mkdir(parents=True, exist_ok=True)
    if account is None or binaries.reachable(directory.parent, account):
        return directory.resolve()
    elsewhere = binaries.outside(directory)
    binaries.open_way(elsewhere.parent)
    return elsewhere


def _home(directory: Path) -> Path:
    return place(directory / f"elasticsearch-{VERSION}")


async def _downloaded(work: Path, sink: Sink | None) -> Path:
    options = ["--batch-mode", "--quiet", _COPY, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={work}"]
    await run_to_end("maven", [_program("mvn"), *options], sink=sink)
    return _unpacked(work)


def _unpacked(work: Path) -> Path:
    (archive,) = work.glob("elasticsearch-*.zip")
    with zipfile.ZipFile(archive) as content:
        content.extractall(work)
    return work / f"elasticsearch-{VERSION}"


async def _add_analyzers(server: Path, work: Path, sink: Sink | None) -> None:
    classes, module = work / "classes", server / "modules" / "kerya-analysis"
    classes.mkdir()
    module.mkdir()
    options: list[str | Path] = [
        "--release",
        JAVA,
        "-proc:none",
        "-nowarn",
        "-d",
        classes,
        "-cp",
        f"{server / 'lib'}/*",
    ]
    await run_to_end("javac", [_program("javac"), *options, _SOURCE], sink=sink)
    with zipfile.ZipFile(module / "kerya-analysis.jar", "w") as jar:
        for path in classes.rglob("*.class"):
            jar.write(path, path.relative_to(classes))
    (module / "plugin-descriptor.properties").write_text(_DESCRIPTOR)


def _program(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise StartFailed(f"{name} is missing")
    return Path(found)
