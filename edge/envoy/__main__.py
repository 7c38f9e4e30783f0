"""`python -m edge.envoy` prints the configuration; `--output FILE` writes it, with the secret files it names beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.envoy.contract import Contract
from edge.envoy.mesh import Mesh
from edge.envoy.output import dump, write
from edge.envoy.settings import Settings
from services.chassis.contract import DESCRIPTORS
from services.chassis.topology import PATH as TOPOLOGY
from services.chassis.topology import load


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m edge.envoy", description=__doc__)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write here instead of standard output")
    parser.add_argument("--topology", type=Path, default=TOPOLOGY, help="default: deploy/topology.yaml")
    parser.add_argument("--descriptors", type=Path, default=DESCRIPTORS, help="default: gen/descriptors.binpb")
    options = parser.parse_args(arguments)
    settings = Settings()
    contract = Contract.load(options.descriptors)
    mesh = Mesh.of(load(options.topology), settings.targets)
    if options.output:
        write(options.output, contract, mesh, settings)
    else:
        sys.stdout.write(dump(contract, mesh, settings, Path(".kerya/envoy")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
