"""gRPC and gRPC-Web straight through: rows E15, E17 and E18 of the threat list."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.integration.edge_envoy.demo_contract import SERVICE
from tests.integration.edge_envoy.harness import Edge


@pytest.fixture
async def channel(edge: Edge) -> AsyncIterator[grpc.aio.Channel]:
    credentials = grpc.ssl_channel_credentials(edge.ca.read_bytes())
    async with grpc.aio.secure_channel(f"localhost:{edge.mesh.https}", credentials) as channel:
        yield channel


async def call(channel: grpc.aio.Channel, method: str, *metadata: tuple[str, str], timeout: float | None = 5) -> bytes:
    rpc = channel.unary_unary(f"/{SERVICE}/{method}")
    answer: bytes = await rpc(b"hello", metadata=metadata, timeout=timeout)
    return answer


async def refusal(channel: grpc.aio.Channel, path: str, *metadata: tuple[str, str]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(path)(b"", metadata=metadata, timeout=5)
    return raised.value


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """The ErrorInfo reason in the typed details."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
    assert status.code == error.code().value[0]
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info) and info.domain == "kerya"
    return str(info.reason)


async def test_a_call_arrives_over_mutual_tls_as_the_workload_envoy(edge: Edge, channel: grpc.aio.Channel) -> None:
    token = f"Bearer {edge.issuer.token()}"
    seen = json.loads(await call(channel, "GetThing", ("authorization", token), ("idempotency-key", "k1")))
    assert seen["workload"] == "envoy"
    assert seen["body"] == "hello"
    assert seen["metadata"]["authorization"] == token
    assert seen["metadata"]["idempotency-key"] == "k1"
    assert seen["metadata"]["x-forwarded-for"] == "127.0.0.1"


async def test_forged_metadata_does_not_arrive(channel: grpc.aio.Channel) -> None:
    forged = [("x-user-id", "1"), ("x-kerya-role", "ADMIN"), ("x-forwarded-for", "1.2.3.4"), ("x-internal-a", "1")]
    seen = json.loads(await call(channel, "GetThing", *forged))["metadata"]
    assert not {"x-user-id", "x-kerya-role", "x-internal-a"} & seen.keys()
    assert seen["x-forwarded-for"] == "127.0.0.1"


async def test_e18_an_internal_rpc_is_unimplemented_for_the_outside(edge: Edge, channel: grpc.aio.Channel) -> None:
    before = edge.service.calls
    error = await refusal(channel, f"/{SERVICE}/Inside")
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert reason_of(error) == "NOT_SERVED"
    assert edge.service.calls == before


@pytest.mark.parametrize(
    "path", ["/grpc.health.v1.Health/Check", "/grpc.channelz.v1.Channelz/GetServers", "/kerya.other.v1.S/M"]
)
async def test_e17_health_channelz_and_unknown_packages_are_unimplemented(channel: grpc.aio.Channel, path: str) -> None:
    assert (await refusal(channel, path)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_answers_in_development(channel: grpc.aio.Channel) -> None:
    ask = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    async for answer in stub.ServerReflectionInfo(iter([ask])):
        assert answer.list_services_response.service
        break


async def test_a_forged_token_is_unauthenticated_with_typed_details(edge: Edge, channel: grpc.aio.Channel) -> None:
    error = await refusal(channel, f"/{SERVICE}/GetThing", ("authorization", "Bearer forged"))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details() == "The access token is not valid."
    assert reason_of(error) == "TOKEN_INVALID"


@pytest.mark.parametrize("asked", ["1H", "99999999S"])
async def test_e15_a_long_grpc_timeout_is_capped(edge: Edge, channel: grpc.aio.Channel, asked: str) -> None:
    edge.service.cancelled.clear()
    started = asyncio.get_running_loop().time()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(channel, "CreateThing", timeout=3600 if asked == "1H" else 99_999_999)
    took = asyncio.get_running_loop().time() - started
    assert raised.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
    assert took < edge.settings.edge_grpc_timeout_max + 1
    await asyncio.wait_for(edge.service.cancelled.wait(), 1)


async def test_e15_the_service_sees_the_capped_deadline(edge: Edge, channel: grpc.aio.Channel) -> None:
    seen = json.loads(await call(channel, "GetThing", timeout=3600))
    assert seen["seconds_left"] <= edge.settings.edge_grpc_timeout_max


async def test_a_short_deadline_is_kept(channel: grpc.aio.Channel) -> None:
    seen = json.loads(await call(channel, "GetThing", timeout=1))
    assert seen["seconds_left"] <= 1


async def test_a_stream_outlives_the_unary_cap(edge: Edge, channel: grpc.aio.Channel) -> None:
    stream = channel.unary_stream(f"/{SERVICE}/WatchThing")(b"")
    assert [part async for part in stream] == [b"0", b"1", b"2", b"3"]


async def test_grpc_web_is_understood(edge: Edge) -> None:
    body = struct.pack(">BI", 0, 5) + b"hello"
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    async with edge.client() as client:
        answer = await client.post(f"/{SERVICE}/GetThing", content=body, headers=headers)
        refused = await client.post(f"/{SERVICE}/Inside", content=body, headers=headers)
    flags, length = struct.unpack(">BI", answer.content[:5])
    assert flags == 0 and json.loads(answer.content[5 : 5 + length])["body"] == "hello"
    assert b"grpc-status:0" in answer.content[5 + length :]
    assert refused.headers.get("grpc-status") == "12" or b"grpc-status:12" in refused.content


async def test_grpc_web_as_text_is_understood(edge: Edge) -> None:
    body = base64.b64encode(struct.pack(">BI", 0, 2) + b"hi")
    text = "application/grpc-web-text+proto"
    async with edge.client() as client:
        answer = await client.post(f"/{SERVICE}/GetThing", content=body, headers={"content-type": text, "accept": text})
    assert answer.headers["content-type"].startswith("application/grpc-web-text")
    assert base64.b64decode(answer.text.split("=")[0] + "==")[:1] == b"\x00"
