"""The contract refuses to load where a rule is missing: forgetting does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from kerya.contract.v1 import contract_pb2
from services.chassis.contract import DESCRIPTORS, Contract
from services.chassis.rules import ContractError


def mutated(tmp_path: Path, change: object) -> Path:
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    for file in descriptors.file:
        for service in file.service:
            for method in service.method:
                if file.package == "kerya.booking.v1" and method.name == "CreateBooking":
                    change(method)  # type: ignore[operator]
    path = tmp_path / "descriptors.binpb"
    path.write_bytes(descriptors.SerializeToString())
    return path


def _no_access(method: MethodDescriptorProto) -> None:
    method.options.ClearExtension(contract_pb2.access)


def _no_limit(method: MethodDescriptorProto) -> None:
    method.options.ClearExtension(contract_pb2.limit)


def _foreign_owner(method: MethodDescriptorProto) -> None:
    method.options.Extensions[contract_pb2.access].owners.append("landlord_id")


def _public_and_roles(method: MethodDescriptorProto) -> None:
    method.options.Extensions[contract_pb2.access].public = True


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        (_no_access, "no access rule"),
        (_no_limit, "no limit"),
        (_foreign_owner, "landlord_id"),
        (_public_and_roles, "public method"),
    ],
)
def test_a_gap_stops_everything_and_is_named(tmp_path: Path, change: object, gap: str) -> None:
    with pytest.raises(ContractError, match="CreateBooking") as refused:
        Contract.load(mutated(tmp_path, change))
    assert gap in str(refused.value)


def test_the_whole_contract_loads() -> None:
    contract = Contract.load()
    assert {"kerya.user.v1", "kerya.property.v1", "kerya.booking.v1", "kerya.notification.v1"} <= {
        method.package for method in contract.methods.values()
    }
    assert {"USER", "PROPERTY", "BOOKING", "CALENDAR", "PAYMENT", "NOTIFICATION"} <= set(contract.streams)
