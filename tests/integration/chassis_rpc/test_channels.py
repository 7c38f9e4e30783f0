"""One connection through the renewals of its certificate, whole and torn."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from kerya.user.v1 import user_service_pb2_grpc
from services.chassis import channels
from services.chassis.channels import RenewingChannel, service_config
from services.chassis.tls import Identity
from tests.integration.chassis_rpc.mesh import CONTRACT, issue, renew, serving
from tests.integration.chassis_rpc.test_rpc import GET_USER, REGISTER, USER_ID, Users


@pytest.fixture
def client(tmp_path: Path) -> Identity:
    return issue(tmp_path, "notification")


@pytest.fixture
async def connection(client: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """To a server with mutual TLS; looks for a renewed certificate at every call."""
    monkeypatch.setattr(channels, "RENEWAL_CHECK_SECONDS", 0.0)
    async with serving(REGISTER, Users(), issue(tmp_path, "user"), tmp_path) as (address, _):
        made = RenewingChannel("user", address, CONTRACT.methods.values(), client)
        yield made
        await made.close()


async def get_user(channel: grpc.aio.Channel) -> str:
    return str((await user_service_pb2_grpc.UserServiceStub(channel).GetUser(GET_USER, timeout=5)).user_id)


async def test_a_renewal_that_is_half_done_is_tried_again(connection: Any, client: Identity, tmp_path: Path) -> None:
    first = connection.current()
    assert connection.current() is first
    key = (client.directory / "key.pem").read_bytes()
    (client.directory / "key.pem").unlink()
    os.utime(client.directory / "cert.pem", ns=(1, 1))
    assert connection.current() is first
    assert await get_user(connection.current()) == USER_ID
    (client.directory / "key.pem").write_bytes(key)
    assert connection.current() is not first
    assert await get_user(connection.current()) == USER_ID


async def test_the_end_takes_the_retiring_connections_along(connection: Any, client: Identity, tmp_path: Path) -> None:
    first = connection.current()
    renew(tmp_path, client, "notification")
    second = connection.current()
    assert second is not first
    assert await get_user(first) == USER_ID, "calls on the old one may end"
    await connection.close()
    for each in (first, second):
        with pytest.raises(grpc.aio.UsageError):
            await get_user(each)


def test_only_what_reads_is_sent_again() -> None:
    config = json.loads(service_config(CONTRACT.methods.values()))
    (retried,) = config["methodConfig"]
    names = {f"/{each['service']}/{each['method']}" for each in retried["name"]}
    assert {"/kerya.user.v1.UserService/GetUser", "/kerya.user.v1.UserService/GetContact"} <= names
    assert "/kerya.booking.v1.BookingService/CreateBooking" not in names
    assert json.loads(service_config([]))["methodConfig"] == []
