"""The RPC plane on real connections: identity, deadlines, retries, drain, and what a caller sees of a fault."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from kerya.user.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from services.chassis.channels import RENEWAL_CHECK_SECONDS
from services.chassis.failures import DependencyDown
from services.chassis.ids import to_typeid
from tests.integration.chassis_rpc.mesh import EXPIRED, channel, issue, renew, serving

REGISTER = user_service_pb2_grpc.add_UserServiceServicer_to_server
USER_ID = to_typeid("user", uuid.UUID(int=5))
GET_USER = user_service_pb2.GetUserRequest(user_id=USER_ID)
GET_CONTACT = user_service_pb2.GetContactRequest(user_id=USER_ID)


class Users(user_service_pb2_grpc.UserServiceServicer):
    """Answers, or does what a test wants."""

    def __init__(self, act: Any = None) -> None:
        self.act = act
        self.calls = 0

    async def GetUser(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if self.act is not None:
            await self.act(request, context)
        return user_pb2.Profile(user_id=request.user_id)

    async def GetContact(self, request: Any, context: Any) -> Any:
        return user_pb2.Contact(user_id=request.user_id)


def status_of(error: grpc.aio.AioRpcError) -> tuple[status_pb2.Status, error_details_pb2.ErrorInfo]:
    raw = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(raw)
    info = error_details_pb2.ErrorInfo()
    next(detail for detail in status.details if detail.Is(info.DESCRIPTOR)).Unpack(info)
    return status, info


async def test_p26_only_workloads_of_the_mesh_get_in(tmp_path: Path) -> None:
    async with serving(REGISTER, Users(), issue(tmp_path, "user"), tmp_path) as (address, _):
        async with channel("user", address, issue(tmp_path, "notification")) as mesh:
            stub = user_service_pb2_grpc.UserServiceStub(mesh)
            assert (await stub.GetContact(GET_CONTACT)).user_id == USER_ID
        # Another service's certificate: let in, and refused by the contract's list.
        async with channel("user", address, issue(tmp_path, "property")) as mesh:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await user_service_pb2_grpc.UserServiceStub(mesh).GetContact(GET_CONTACT)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert status_of(refused.value)[1].reason == "ACCESS_DENIED"
        strangers = {
            "expired": issue(tmp_path, "notification", made=EXPIRED),
            "foreign authority": issue(tmp_path, "notification", authority="other"),
        }
        for identity in strangers.values():
            async with channel("user", address, identity) as mesh:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await user_service_pb2_grpc.UserServiceStub(mesh).GetUser(GET_USER, timeout=1.0)
                assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        # No certificate at all.
        credentials = grpc.ssl_channel_credentials((issue(tmp_path, "x").directory / "ca.pem").read_bytes())
        async with grpc.aio.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "user")]) as bare:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await user_service_pb2_grpc.UserServiceStub(bare).GetUser(GET_USER, timeout=1.0)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_p26_certificates_rotate_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.chassis.channels.RENEWAL_CHECK_SECONDS", 0.05)
    server, client = issue(tmp_path, "user"), issue(tmp_path, "notification")
    async with serving(REGISTER, Users(), server, tmp_path) as (address, _), channel("user", address, client) as mesh:
        stub = user_service_pb2_grpc.UserServiceStub(mesh)
        served = 0
        for turn in range(4):
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                await asyncio.gather(*(stub.GetUser(GET_USER) for _ in range(8)))
                served += 8
            renew(tmp_path, server if turn % 2 else client, "user" if turn % 2 else "notification")
        assert served > 100
    assert RENEWAL_CHECK_SECONDS <= 60


async def test_p13_a_deadline_travels_down_the_chain(tmp_path: Path) -> None:
    cancelled: list[float] = []
    started = time.monotonic()

    async def sleep(request: Any, context: Any) -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            cancelled.append(time.monotonic() - started)
            raise

    async with AsyncExitStack() as stack:
        identity = issue(tmp_path, "user")
        address, _ = await stack.enter_async_context(serving(REGISTER, Users(sleep), identity, tmp_path))
        for _ in range(3):
            mesh = await stack.enter_async_context(channel("user", address, identity))
            following = user_service_pb2_grpc.UserServiceStub(mesh)

            async def forward(request: Any, context: Any, following: Any = following) -> None:
                await following.GetUser(request)

            address, _ = await stack.enter_async_context(serving(REGISTER, Users(forward), identity, tmp_path))
        mesh = await stack.enter_async_context(channel("user", address, identity))
        started = time.monotonic()
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await user_service_pb2_grpc.UserServiceStub(mesh).GetUser(GET_USER, timeout=0.8)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.sleep(0.15)
    assert cancelled and cancelled[0] <= 0.85


async def test_a_call_without_a_deadline_gets_one(tmp_path: Path) -> None:
    async def sleep(request: Any, context: Any) -> None:
        await asyncio.sleep(5)

    async with serving(REGISTER, Users(sleep), None, tmp_path, default_deadline=0.2) as (address, _):
        async with grpc.aio.insecure_channel(address) as plain:
            started = time.monotonic()
            with pytest.raises(grpc.aio.AioRpcError) as late:
                await user_service_pb2_grpc.UserServiceStub(plain).GetUser(GET_USER)
            assert status_of(late.value)[1].reason == "DEADLINE_PASSED"
            assert time.monotonic() - started < 1.0


async def test_p14_retries_do_not_melt_a_failing_backend(tmp_path: Path) -> None:
    async def fail(request: Any, context: Any) -> None:
        raise DependencyDown("database")

    users = Users(fail)
    async with serving(REGISTER, users, None, tmp_path) as (address, _), channel("user", address, None) as mesh:
        stub = user_service_pb2_grpc.UserServiceStub(mesh)
        offered = 0
        until = time.monotonic() + 3
        while time.monotonic() < until:
            offered += 1
            with pytest.raises((grpc.aio.AioRpcError, DependencyDown)):
                await stub.GetUser(GET_USER)
            await asyncio.sleep(0.01)
    assert offered >= 100
    assert users.calls <= 1.2 * offered


async def test_an_internal_fault_tells_the_caller_nothing(tmp_path: Path) -> None:
    async def burst(request: Any, context: Any) -> None:
        raise ValueError("secret dsn=postgres://u:p@h/db")

    async with serving(REGISTER, Users(burst), None, tmp_path) as (address, _):
        async with grpc.aio.insecure_channel(address) as plain:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await user_service_pb2_grpc.UserServiceStub(plain).GetUser(GET_USER, timeout=2)
    status, info = status_of(failed.value)
    assert failed.value.code() is grpc.StatusCode.INTERNAL
    assert info.reason == "INTERNAL_ERROR" and len(info.metadata["error_id"]) == 12
    assert "secret" not in status.SerializeToString().decode("latin-1") + (failed.value.details() or "")


async def test_access_is_decided_before_the_request_is_looked_at(tmp_path: Path) -> None:
    async with serving(REGISTER, Users(), None, tmp_path) as (address, _), grpc.aio.insecure_channel(address) as plain:
        stub = user_service_pb2_grpc.UserServiceStub(plain)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.UpdateMe(user_service_pb2.UpdateMeRequest(), timeout=2)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as faulty:
            await stub.GetUser(user_service_pb2.GetUserRequest(user_id="user_x"), timeout=2)
        bad = error_details_pb2.BadRequest()
        next(d for d in status_of(faulty.value)[0].details if d.Is(bad.DESCRIPTOR)).Unpack(bad)
        assert [violation.field for violation in bad.field_violations] == ["user_id"]


async def test_drain_finishes_what_is_under_way(tmp_path: Path) -> None:
    async def work(request: Any, context: Any) -> None:
        await asyncio.sleep(0.5)

    async with serving(REGISTER, Users(work), None, tmp_path) as (address, server):
        async with grpc.aio.insecure_channel(address) as plain:
            stub = user_service_pb2_grpc.UserServiceStub(plain)
            calls = [asyncio.ensure_future(stub.GetUser(GET_USER, timeout=5)) for _ in range(50)]
            await asyncio.sleep(0.2)
            await server.stop()
            answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, BaseException)] == []


async def test_two_servers_never_share_a_port(tmp_path: Path) -> None:
    async with serving(REGISTER, Users(), None, tmp_path) as (address, _):
        with pytest.raises(RuntimeError):
            async with serving(REGISTER, Users(), None, tmp_path, listen=address):
                raise AssertionError("it bound")


async def test_health_and_both_reflections_answer(tmp_path: Path) -> None:
    async with serving(REGISTER, Users(), None, tmp_path) as (address, _), grpc.aio.insecure_channel(address) as plain:
        health = health_pb2_grpc.HealthStub(plain)
        for name in ("", "liveness", "readiness", "kerya.user.v1.UserService"):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name), timeout=2)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        for version in ("v1", "v1alpha"):
            call = plain.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                reflection_pb2.ServerReflectionRequest.SerializeToString,
                reflection_pb2.ServerReflectionResponse.FromString,
            )(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=2)
            listed = [service.name async for answer in call for service in answer.list_services_response.service]
            assert "kerya.booking.v1.BookingService" in listed
