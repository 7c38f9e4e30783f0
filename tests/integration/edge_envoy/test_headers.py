"""What is taken off requests and put on answers: rows E12 to E14 and C1 of the threat list."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.edge_envoy.harness import Edge, running_edge

FORGED = {
    "x-user-id": "user_1",
    "x-kerya-role": "ADMIN",
    "x-internal-call": "1",
    "x-real-ip": "10.0.0.1",
    "x-forwarded-client-cert": "URI=spiffe://kerya/development/booking",
    "x-envoy-internal": "true",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-http-method-override": "DELETE",
    "forwarded": "for=10.0.0.1",
    "grpc-trace-bin": "AAAA",
    "grpc-anything": "1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "baggage": "role=admin",
}


@pytest.mark.parametrize("forwarded", [{}, {"x-forwarded-for": "1.2.3.4"}])
async def test_e12_e13_forged_headers_do_not_arrive(edge: Edge, forwarded: dict[str, str]) -> None:
    async with edge.client() as client:
        seen = (await client.get("/v1/x", headers=FORGED | forwarded)).json()["headers"]
    assert not FORGED.keys() & seen.keys()
    assert not [name for name in seen if name.startswith(("x-envoy-", "grpc-"))]


async def test_e12_request_ids_and_scheme_are_the_edges_own(edge: Edge) -> None:
    async with edge.client() as client:
        answer = await client.get("/v1/x", headers={"x-request-id": "mine", "x-forwarded-proto": "https"})
    seen = answer.json()["headers"]
    assert seen["x-request-id"] != "mine"
    assert seen["x-request-id"] == answer.headers["x-request-id"]
    assert seen["x-forwarded-proto"] == "http"


async def test_headers_the_contract_uses_do_arrive(edge: Edge) -> None:
    used = {
        "idempotency-key": "k1",
        "if-match": '"v1"',
        "accept-language": "fr",
        "x-api-key": "kerya_1_s",
        "x-request-timeout": "2",
        "stripe-signature": "t=1,v1=a",
        "last-event-id": "7",
    }
    async with edge.client() as client:
        seen = (await client.post("/v1/things", headers=used)).json()["headers"]
    assert used.items() <= seen.items()


async def test_e14_a_callers_own_forwarding_list_is_replaced(edge: Edge) -> None:
    async with edge.client() as client:
        seen = (await client.get("/v1/x", headers={"x-forwarded-for": "1.2.3.4, 5.6.7.8"})).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"


async def test_e14_the_flood_bound_counts_the_real_address(tmp_path: Path) -> None:
    async with running_edge(tmp_path, edge_address_rate=10) as edge, edge.client() as client:
        answers = [await client.get("/v1/x", headers={"x-forwarded-for": f"1.2.3.{n}"}) for n in range(40)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(answers) - len(refused) >= 20, "twice the rate may come at once"
        assert refused, "a new X-Forwarded-For must not be a new bucket"
        assert refused[0].headers["retry-after"] == "1"
        details = refused[0].json()["error"]["details"]
        assert details[0]["reason"] == "RATE_LIMITED" and details[0]["metadata"] == {"limit": "10", "period": "1s"}
        assert details[1]["retryDelay"] == "1s"


async def test_the_address_behind_a_trusted_load_balancer_is_the_client(tmp_path: Path) -> None:
    async with running_edge(tmp_path, edge_trusted_hops=1, edge_address_rate=5) as edge, edge.client() as client:
        seen = (await client.get("/v1/x", headers={"x-forwarded-for": "9.9.9.9, 1.2.3.4"})).json()["headers"]
        assert seen["x-forwarded-for"] == "1.2.3.4"
        codes = [(await client.get("/v1/x", headers={"x-forwarded-for": f"1.2.3.{n}"})).status_code for n in range(30)]
        assert set(codes) == {200}, "each client behind the balancer has a bucket of its own"


async def test_security_headers_are_on_answers_and_on_refusals(edge: Edge) -> None:
    async with edge.client() as client:
        for path in ("/v1/x", "/metrics"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
            assert headers["cache-control"] == "no-store"
            assert headers["server"] == "kerya"
            assert "strict-transport-security" not in headers, "localhost is shared with other servers in development"


async def test_large_json_is_compressed_and_its_etag_weakened(edge: Edge) -> None:
    async with edge.client() as client:
        for encoding in ("gzip", "br"):
            async with client.stream("GET", "/v1/large", headers={"accept-encoding": encoding}) as answer:
                raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == encoding
            assert answer.headers["etag"] == 'W/"v1"'
            assert len(raw) < 1000
        small = await client.get("/v1/x", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize("origin", ["null", "https://app.kerya.example.evil", "http://app.kerya.example"])
async def test_c1_foreign_origins_are_not_let_in(edge: Edge, origin: str) -> None:
    async with edge.client() as client:
        answer = await client.get("/v1/x", headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers


async def test_c1_our_origin_may_ask_and_read(edge: Edge) -> None:
    origin = {"origin": "https://app.kerya.example"}
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}
    async with edge.client() as client:
        preflight = await client.options("/v1/things", headers=origin | asks)
        refused = await client.get("/v1/x", headers=origin | {"authorization": "Bearer forged"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin["origin"]
    assert "idempotency-key" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == origin["origin"], "the page must be able to read why"
