"""The `kerya` command. Every module of `deploy.local.commands` adds its part by `register(subparsers)`."""

import argparse
import importlib
import pkgutil
import sys
from typing import TYPE_CHECKING

from deploy.local import commands
from deploy.local.process import StartFailed
from services.chassis.topology import TopologyError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def main(argv: list[str] | None = None) -> int:
    """Runs one command; its exit code. A command is a function of the parsed arguments, set as default `run`.

    What a person can mend is one line on standard error: StartFailed and TopologyError say it.
    """
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except (StartFailed, TopologyError) as failure:
        print(*getattr(failure, "tail", ()), f"kerya: {failure}", sep="\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kerya", description="Runs and tends a Kerya mesh on this machine.")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for module in sorted(pkgutil.iter_modules(commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"{commands.__name__}.{module.name}").register(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
