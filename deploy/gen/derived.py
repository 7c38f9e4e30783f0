"""What is written from the fresh stubs and descriptors: pages, OpenAPI, `.env.example`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from deploy.gen.environment import write_environment
from deploy.gen.pages import write_pages
from edge.portal import openapi
from edge.transcoder.contract import Contract as RestContract
from services.chassis.contract import Contract
from services.chassis.topology import load as load_topology


def write_derived(out: Path) -> None:
    """Writes under `out`, beside the `gen` that is there already."""
    gen = out / "gen"
    image = gen / "descriptors.binpb"
    contract = Contract.load(image)
    write_pages(FileDescriptorSet.FromString(image.read_bytes()), contract, out)
    document = openapi.build(RestContract(image))
    (gen / "openapi").mkdir()
    (gen / "openapi" / "kerya.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    write_environment(load_topology(environment={}), out)


if __name__ == "__main__":
    write_derived(Path(sys.argv[1]))
