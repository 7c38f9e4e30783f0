"""What is written from the fresh stubs and descriptors: pages, OpenAPI, `.env.example`."""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from deploy.gen.pages import write_pages
from services.chassis.contract import Contract


def write_derived(out: Path) -> None:
    """Writes under `out`, beside the `gen` that is there already."""
    image = out / "gen" / "descriptors.binpb"
    contract = Contract.load(image)
    write_pages(FileDescriptorSet.FromString(image.read_bytes()), contract, out)


if __name__ == "__main__":
    write_derived(Path(sys.argv[1]))
