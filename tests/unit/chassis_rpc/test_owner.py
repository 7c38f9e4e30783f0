"""The second wall: an answer whose owner is somebody else does not leave, with or without an idempotency key."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from kerya.booking.v1 import booking_pb2
from services.chassis.call import Call
from services.chassis.contract import Contract
from services.chassis.errors import ChassisRefusal
from services.chassis.idempotency import Begun
from services.chassis.ids import to_typeid
from services.chassis.principal import Principal
from services.chassis.rpc.access import OwnerStage
from services.chassis.rpc.idempotency import IdempotencyStage

RULE = Contract.load().methods["/kerya.booking.v1.BookingService/CancelBooking"]
OWN, FOREIGN = uuid.UUID(int=1), uuid.UUID(int=2)


class Store:
    """Keeps what would be stored."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []

    async def begin(self, *_: Any, **__: Any) -> Begun:
        return Begun(uuid.uuid4(), 1)

    async def finish(self, scope: str, key: str, answer: bytes) -> bytes:
        self.stored.append(answer)
        return answer

    async def abandon(self, scope: str, key: str, attempt: int) -> None:
        assert attempt == 1


async def answer_of(client_id: uuid.UUID, caller: Principal, key: str) -> tuple[Any, Store]:
    store = Store()
    call = Call(RULE, None, b"", {"idempotency-key": key} if key else {}, booking_pb2.Booking(), caller, deadline=1e12)
    call.rule = RULE

    async def servicer(_: Call) -> booking_pb2.Booking:
        return booking_pb2.Booking(client_id=to_typeid("user", client_id), host_id=to_typeid("user", uuid.uuid4()))

    async def owner(inner: Call) -> Any:
        return await OwnerStage()(inner, servicer)

    stage = IdempotencyStage(store)  # type: ignore[arg-type]
    return await stage(call, owner), store


async def test_a_foreign_answer_is_withheld_and_never_stored() -> None:
    caller = Principal(user_id=OWN, roles=frozenset({"CLIENT"}))
    with pytest.raises(ChassisRefusal, match="ACCESS_DENIED"):
        await answer_of(FOREIGN, caller, "k")
    answer, store = await answer_of(OWN, caller, "k")
    assert store.stored == [answer]


async def test_an_administrator_sees_what_is_others() -> None:
    answer, _ = await answer_of(FOREIGN, Principal(user_id=OWN, roles=frozenset({"ADMIN"})), "k")
    assert booking_pb2.Booking.FromString(answer).client_id == to_typeid("user", FOREIGN)
