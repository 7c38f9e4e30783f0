"""Becomes another program, tied to the life of the process that asked for it.

Run as `python -I -S launch.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]`. A small program of its own because the
alternative, `preexec_fn`, forks a process that may hold gRPC threads. The death signal is set last: the kernel clears
it when credentials change.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def _drop_privileges(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(parent: int, signum: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)
    if os.getppid() != parent:  # it died before the signal was armed
        raise SystemExit(1)


def main(argv: list[str]) -> None:
    parent, signum, uid, gid = (int(value) for value in argv[:4])
    if uid >= 0:
        _drop_privileges(uid, gid)
    _die_with(parent, signum)
    os.execv(argv[4], argv[4:])  # noqa: S606 - to become another program is what this is for


if __name__ == "__main__":
    main(sys.argv[1:])
