"""`python -m deploy.local.sandbox`: the sandbox in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import sys

from deploy.local.sandbox.app import build
from deploy.local.sandbox.serve import run
from deploy.local.sandbox.settings import Settings


def main() -> None:
    settings = Settings()
    host, port = settings.address()
    print(f"provider sandbox on http://{host}:{port}", file=sys.stderr, flush=True)
    run(build(settings), host, port)


if __name__ == "__main__":
    main()
