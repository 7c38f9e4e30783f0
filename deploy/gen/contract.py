"""Stubs and the descriptor set, by protoc from one image that buf parsed and linted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

# Published by googleapis-common-protos, protobuf and grpcio-health-checking: shipping them twice would clash.
ELSEWHERE = ("google/", "grpc/")


def write_contract(root: Path, out: Path) -> FileDescriptorSet:
    """Writes `out`/{descriptors.binpb, kerya, buf} from `root`/proto and answers the descriptor set."""
    image = out / "descriptors.binpb"
    _run(["buf", "build", "--as-file-descriptor-set", "-o", str(image)], root)
    descriptors = FileDescriptorSet.FromString(image.read_bytes())
    files = [file.name for file in descriptors.file]
    stubs = [name for name in files if not name.startswith(ELSEWHERE)]
    services = [file.name for file in descriptors.file if file.service and file.name in stubs]
    _protoc(root, image, stubs, [f"--python_out={out}", f"--mypy_out=quiet:{out}"])
    if services:
        _protoc(root, image, services, [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}"])
    (out / "kerya" / "py.typed").touch()
    return descriptors


def _protoc(root: Path, image: Path, files: list[str], outputs: list[str]) -> None:
    plugins = [f"--plugin={name}={_tool(name)}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={image}", *plugins, *outputs, *files]
    subprocess.run(command, cwd=root, check=True)


def _run(command: list[str], root: Path) -> None:
    subprocess.run([_tool(command[0]), *command[1:]], cwd=root, check=True)


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)
