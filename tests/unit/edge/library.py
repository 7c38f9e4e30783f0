"""Compiles `library.proto` against the real contract options; a server that implements it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from edge.transcoder.contract import Contract

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"
INCLUDES = [HERE, PROTO, PROTO / "third_party"]
ALWAYS = [
    "kerya/contract/v1/error_reason.proto",
    "google/rpc/status.proto",
    "google/rpc/error_details.proto",
    "grpc/health/v1/health.proto",
]


_home = tempfile.TemporaryDirectory(prefix="kerya-library-")


@lru_cache(maxsize=1)
def descriptors() -> Path:
    """The descriptor set of the library with all it imports, and the comments."""
    path = Path(_home.name) / "library.binpb"
    path.write_bytes(compile_protos("library.proto"))
    return path


def compile_protos(*files: str, includes: tuple[Path, ...] = ()) -> bytes:
    """Compiles proto files, with the contract and the error types beside them."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "set.binpb"
        paths = [f"-I{path}" for path in (*includes, *INCLUDES)]
        options = ["--include_imports", "--include_source_info", f"--descriptor_set_out={out}"]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *paths, *options, *files, *ALWAYS], check=True)
        return out.read_bytes()


@lru_cache(maxsize=1)
def contract() -> Contract:
    """The library as the edge sees it."""
    return Contract(descriptors())
