"""Field encryption, key rotation and the blind index."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.crypto import BlindIndex, DecryptionFailed, FieldCipher, Place

OLD, NEW = b"o" * 32, b"n" * 32
PLACE = Place("account", "phone", "01")
before = FieldCipher("k1", {"k1": OLD})
during = FieldCipher("k2", {"k1": OLD, "k2": NEW})
after = FieldCipher("k2", {"k2": NEW})


@given(st.binary(max_size=200))
def test_a_value_comes_back(value: bytes) -> None:
    assert before.decrypt(before.encrypt(value, PLACE), PLACE) == value


def test_equal_values_look_different_each_time() -> None:
    assert before.encrypt(b"+213550", PLACE) != before.encrypt(b"+213550", PLACE)


@pytest.mark.parametrize(
    "place", [Place("account", "phone", "02"), Place("account", "email", "01"), Place("accountp", "hone", "01")]
)
def test_a_value_cannot_be_read_in_another_place(place: Place) -> None:
    with pytest.raises(DecryptionFailed):
        before.decrypt(before.encrypt(b"+213550", PLACE), place)


def test_no_byte_can_be_changed_and_no_end_cut_off() -> None:
    stored = before.encrypt(b"+213550", PLACE)
    for position in range(len(stored)):
        with pytest.raises(DecryptionFailed):
            before.decrypt(stored[:position] + bytes([stored[position] ^ 1]) + stored[position + 1 :], PLACE)
        with pytest.raises(DecryptionFailed):
            before.decrypt(stored[:position], PLACE)


def test_rotation_rewraps_without_touching_the_value() -> None:
    stored = before.encrypt(b"+213550", PLACE)
    assert during.decrypt(stored, PLACE) == b"+213550"
    assert during.needs_rewrap(stored)
    rewrapped = during.rewrap(stored, PLACE)
    assert not during.needs_rewrap(rewrapped)
    assert after.decrypt(rewrapped, PLACE) == b"+213550"
    assert rewrapped[-23:] == stored[-23:]
    with pytest.raises(DecryptionFailed):
        after.decrypt(stored, PLACE)


def test_keys_are_read_from_their_file() -> None:
    text = json.dumps({"current": "k1", "keys": {"k1": base64.b64encode(OLD).decode()}}).encode()
    assert before.decrypt(FieldCipher.from_json(text).encrypt(b"x", PLACE), PLACE) == b"x"
    with pytest.raises(ValueError, match="k2"):
        FieldCipher("k2", {"k1": OLD})
    with pytest.raises(ValueError, match="32"):
        FieldCipher("k1", {"k1": b"short"})


def test_the_blind_index_finds_equals_of_one_field_only() -> None:
    index = BlindIndex(OLD)
    assert index.of("email", "a@b.dz") == index.of("email", b"a@b.dz")
    assert len(index.of("email", "a@b.dz")) == 16
    others = [index.of("email", "a@b.dy"), index.of("phone", "a@b.dz"), index.of("emaila", "@b.dz")]
    assert index.of("email", "a@b.dz") not in others
    assert BlindIndex(NEW).of("email", "a@b.dz") != index.of("email", "a@b.dz")
