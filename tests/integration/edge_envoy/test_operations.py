"""What operators rely on: the binary, probes, logs, traces, rotation, health, and several Envoys on one machine."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from deploy.local.engines import binaries
from deploy.local.probe import free_ports
from edge.envoy.contract import Contract
from edge.envoy.mesh import Mesh
from edge.envoy.output import write
from edge.envoy.settings import Settings
from services.chassis import topology
from tests.integration.edge_envoy.certificates import Authority
from tests.integration.edge_envoy.demo_contract import SERVICE
from tests.integration.edge_envoy.harness import Edge, running_edge
from tests.integration.edge_envoy.raw import exchange, get


def test_the_binary_is_the_version_the_configuration_is_written_for() -> None:
    said = subprocess.run(
        [binaries.envoy(), "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    assert re.search(r"/1\.40\.\d+/", said), said


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("everything", [False, True])
def test_envoy_accepts_the_mesh_of_the_repository(tmp_path: Path, environment: str, everything: bool) -> None:
    authority = Authority(tmp_path)
    authority.workload("envoy", environment)
    authority.public()
    optional: dict[str, Any] = {
        "edge_http3": True,
        "edge_trust_trace_context": True,
        "edge_cors_origins": ("https://app.example",),
        "edge_hosts": ("api.example",),
        "otlp_endpoint": "http://collector.example:4317",
        "targets": {"user": "user.kerya.svc:8101"},
    }
    settings = Settings(
        **{"environment": environment, "tls_directory": tmp_path / "envoy", **(optional if everything else {})}
    )
    mesh = Mesh.of(topology.load(), settings.targets)
    write(tmp_path / "config" / "envoy.yaml", Contract.load(), mesh, settings)
    command: list[str | Path] = [
        binaries.envoy(),
        "--mode",
        "validate",
        "-l",
        "warn",
        "-c",
        tmp_path / "config" / "envoy.yaml",
    ]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "eprecated" not in checked.stdout + checked.stderr


async def test_only_readiness_and_metrics_can_be_observed(edge: Edge) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{edge.mesh.observe}") as client:
        assert (await client.get("/ready")).text.strip() == "LIVE"
        metrics = (await client.get("/stats/prometheus")).text
        for path in ("/config_dump", "/quitquitquit", "/ready/../config_dump", "/certs", "/"):
            assert (await client.get(path)).status_code == 404, path
        assert (await client.post("/ready")).status_code == 404
    assert "envoy_http_downstream_rq_total" in metrics
    assert "envoy_cluster_circuit_breakers" in metrics


async def test_metrics_name_the_contracts_methods_and_no_others(edge: Edge) -> None:
    credentials = grpc.ssl_channel_credentials(edge.ca.read_bytes())
    async with grpc.aio.secure_channel(f"localhost:{edge.mesh.https}", credentials) as channel:
        await channel.unary_unary(f"/{SERVICE}/GetThing")(b"x", timeout=5)
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(f"/{SERVICE}/Invented")(b"x", timeout=5)
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"http://127.0.0.1:{edge.mesh.observe}/stats/prometheus")).text
    assert "GetThing" in metrics
    assert "Invented" not in metrics


async def test_the_public_listener_speaks_tls_1_3_and_nothing_older(edge: Edge) -> None:
    modern = ssl.create_default_context(cafile=str(edge.ca))
    modern.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("localhost", edge.mesh.https, ssl=modern)
    connection = writer.get_extra_info("ssl_object")
    assert connection.version() == "TLSv1.3"
    assert connection.selected_alpn_protocol() == "h2"
    writer.close()
    old = ssl.create_default_context(cafile=str(edge.ca))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("localhost", edge.mesh.https, ssl=old)


async def test_production_has_no_plain_listener_no_reflection_and_strict_transport(tmp_path: Path) -> None:
    overrides: dict[str, Any] = {
        "environment": "production",
        "public_url": "https://api.kerya.example",
        "edge_hosts": ("localhost",),
    }
    async with running_edge(tmp_path, **overrides) as edge:
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", edge.mesh.http)
        context = ssl.create_default_context(cafile=str(edge.ca))
        async with httpx.AsyncClient(base_url=edge.https, verify=context) as client:
            answer = await client.get("/v1/x")
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            assert answer.json()["headers"]["x-forwarded-proto"] == "https"
        credentials = grpc.ssl_channel_credentials(edge.ca.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{edge.mesh.https}", credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")(b"", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_two_edges_run_side_by_side(edge: Edge, tmp_path: Path) -> None:
    async with running_edge(tmp_path) as other, edge.client() as first, other.client() as second:
        assert (await first.get("/v1/x")).status_code == (await second.get("/v1/x")).status_code == 200


async def test_a_service_with_anothers_certificate_is_not_spoken_to(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        edge.authority.workload("impostor", folder="demo")
        await asyncio.sleep(2.5)  # the next health check meets the impostor
        credentials = grpc.ssl_channel_credentials(edge.ca.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{edge.mesh.https}", credentials) as channel:
            await edge.service.restart()
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(f"/{SERVICE}/GetThing")(b"x", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_renewed_certificates_are_used_without_a_restart(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        context = ssl.create_default_context(cafile=str(edge.ca))

        async def serial() -> str:
            _, writer = await asyncio.open_connection("localhost", edge.mesh.https, ssl=context)
            number = str(writer.get_extra_info("peercert")["serialNumber"])
            writer.close()
            return number

        before = await serial()
        edge.authority.public()
        async with asyncio.timeout(5):
            while await serial() == before:
                await asyncio.sleep(0.1)


async def test_an_unhealthy_service_is_seen_by_the_active_check(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge, httpx.AsyncClient() as client:

        async def flags() -> str:
            clusters = (await client.get(f"http://127.0.0.1:{edge.mesh.admin}/clusters")).text
            return next(line for line in clusters.splitlines() if line.startswith("demo::") and "health_flags" in line)

        async def until(word: str) -> None:
            async with asyncio.timeout(10):
                while word not in await flags():
                    await asyncio.sleep(0.1)

        await until("healthy")
        await edge.service.be_ready(False)
        await until("/failed_active_hc")
        await edge.service.be_ready(True)
        await until("::healthy")


async def test_the_access_log_is_ecs_json_without_query_address_or_secret_paths(edge: Edge) -> None:
    async with edge.client() as client:
        await client.get("/v1/logged?email=someone@example.com", headers={"user-agent": "agent-of-someone"})
        await client.get("/v1/exports/s3cr3t-token?x=1")
    async with asyncio.timeout(5):
        while not [line for line in edge.access_lines() if line["url.path"] == "/v1/exports/{token}"]:
            await asyncio.sleep(0.05)
    text = "\n".join(edge.log)
    for personal in ("someone@example.com", "agent-of-someone", "s3cr3t-token"):
        assert personal not in text
    line = next(line for line in edge.access_lines() if line["url.path"] == "/v1/logged")
    assert line["http.response.status_code"] == 200
    assert line["http.request.method"] == "GET"
    assert line["event.duration"] > 0
    assert line["kerya.route"] == "rest_reads"
    assert line["service.name"] == "envoy"


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the spans it is sent."""

    def __init__(self) -> None:
        self.requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    async def Export(
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: object
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        self.requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, int]]:
    (port,) = free_ports(1)
    kept, server = Collector(), grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    yield kept, port
    await server.stop(0)


async def test_a_request_is_one_trace_and_its_span_names_nobody(
    tmp_path: Path, collector: tuple[Collector, int]
) -> None:
    kept, port = collector
    overrides: dict[str, Any] = {"otlp_endpoint": f"http://127.0.0.1:{port}", "trace_ratio": 1.0}
    async with running_edge(tmp_path, **overrides) as edge, edge.client() as client:
        answer = await client.get("/v1/traced?phone=0550123456", headers={"user-agent": "agent-of-someone"})
        traceparent = answer.json()["headers"]["traceparent"]
        async with asyncio.timeout(10):
            while not kept.requests:
                await asyncio.sleep(0.1)
        assert {line.get("trace.id") for line in edge.access_lines()} == {traceparent.split("-")[1]}
    sent = str(kept.requests)
    assert (
        "0550123456" not in sent
        and "agent-of-someone" not in sent
        and "127.0.0.1" not in sent.replace("127.0.0.1:", "")
    )
    span = kept.requests[0].resource_spans[0].scope_spans[0].spans[0]
    assert span.trace_id.hex() == traceparent.split("-")[1]


async def test_a_contract_with_long_variables_keeps_their_slashes(tmp_path: Path) -> None:
    async with running_edge(tmp_path, spanning=True) as edge:
        kept = await exchange(edge.mesh.http, get("/v1/files/a%2Fb/c"))
        assert json.loads(kept.content.split(b"\r\n\r\n", 1)[1])["path"] == "/v1/files/a%2Fb/c"
        for climbing in (
            "/v1/files/a%2f..%2fadmin",
            "/v1/files/%2e%2e%2fadmin",
            "/v1/files/a%5C..%5cb",
            "/v1/files/a%2f.%2e",
        ):
            assert (await exchange(edge.mesh.http, get(climbing))).status == 400, climbing


async def test_a_service_that_is_down_is_unavailable_with_a_reason(tmp_path: Path) -> None:
    async with running_edge(tmp_path) as edge:
        await edge.service.stop()
        credentials = grpc.ssl_channel_credentials(edge.ca.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{edge.mesh.https}", credentials) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await channel.unary_unary(f"/{SERVICE}/GetThing")(b"x", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "The service cannot answer right now. Try again."
