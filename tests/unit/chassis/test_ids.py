"""UUIDv7 and TypeIDs."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID
from uuid_utils import UUID as FastUUID

from services.chassis.errors import ChassisRefusal
from services.chassis.ids import from_typeid, intended_id, intention, new_id, to_typeid


def test_a_new_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    identifier = new_id()
    assert (identifier.version, identifier.variant) == (7, "specified in RFC 4122")
    assert abs((identifier.int >> 80) - time.time() * 1000) < 1000


def test_ids_sort_by_their_time() -> None:
    ids = []
    for _ in range(50):
        ids.append(new_id())
        time.sleep(0.0001)
    assert ids == sorted(ids)
    assert len(set(ids)) == 50


@given(st.uuids())
def test_a_typeid_is_the_specifications_and_comes_back(identifier: UUID) -> None:
    text = to_typeid("booking", identifier)
    assert text == str(TypeID.from_uuid(suffix=FastUUID(int=identifier.int), prefix="booking"))
    assert from_typeid("booking", text) == identifier


@pytest.mark.parametrize(
    "text",
    [
        "",
        "booking",
        "booking_",
        "user_01h455vb4pex5vsknk084sn02q",
        "booking_01h455vb4pex5vsknk084sn02",
        "booking_81h455vb4pex5vsknk084sn02q",  # more than 128 bits
        "booking_01H455VB4PEX5VSKNK084SN02Q",
        "booking_01h455vb4pex5vsknk084sn02i",  # i, l, o and u are not in the alphabet
        "_01h455vb4pex5vsknk084sn02q",
    ],
)
def test_what_is_no_typeid_of_the_kind_is_an_invalid_request(text: str) -> None:
    with pytest.raises(ChassisRefusal, match="INVALID_REQUEST") as refusal:
        from_typeid("booking", text)
    assert refusal.value.violations[0][0] == "booking_id"


def test_the_intended_id_is_the_same_within_an_intention_and_new_outside() -> None:
    wanted = new_id()
    with intention(wanted):
        assert intended_id() == intended_id() == wanted
    assert intended_id() != wanted
