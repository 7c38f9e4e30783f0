"""What the transcoder takes from a contract, and what it refuses to start on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from edge.envoy.contract import Contract as EnvoyContract
from edge.transcoder.contract import Contract
from kerya.contract.v1 import contract_pb2
from services.chassis.rules import ContractError, Idempotency
from tests.unit.edge.library import contract, descriptors


def changed(folder: Path, name: str, change: Callable[[MethodDescriptorProto], None]) -> Path:
    """The library with one of its methods changed."""
    files = FileDescriptorSet.FromString(descriptors().read_bytes())
    service = next(file for file in files.file if file.package == "kerya.library.v1").service[0]
    change(next(method for method in service.method if method.name == name))
    path = folder / "changed.binpb"
    path.write_bytes(files.SerializeToString())
    return path


@pytest.mark.parametrize("of", [Contract, EnvoyContract.load])
def test_nothing_starts_on_a_method_that_says_not_who_may_call_it(tmp_path: Path, of: Callable[[Path], object]) -> None:
    path = changed(tmp_path, "DeleteBook", lambda method: method.options.ClearExtension(contract_pb2.access))
    with pytest.raises(ContractError, match="LibraryService/DeleteBook: no access rule"):
        of(path)


def test_a_method_is_what_the_contract_says() -> None:
    methods = {method.name: method for method in contract().methods}
    assert methods["GetBook"].public and methods["GetBook"].reads
    assert not methods["DeleteBook"].public and not methods["DeleteBook"].reads
    assert methods["Audit"].internal_only and not methods["Audit"].public
    assert [methods[name].idempotency for name in ("GetBook", "LendBook", "CreateBook")] == list(Idempotency)
    assert methods["Receive"].headers == ("press-signature",)


def test_health_of_the_transport_is_no_method_of_the_contract() -> None:
    assert {method.service for method in contract().methods} == {"kerya.library.v1.LibraryService"}
