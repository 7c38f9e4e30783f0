"""What the edge finds out about the services, whatever one of them answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from edge.transcoder.readiness import Watch
from edge.transcoder.upstream import Upstream
from tests.integration.edge.library_server import Library
from tests.unit.edge.library import contract


@pytest.fixture
async def odd() -> AsyncIterator[str]:
    """The address of a server whose health answer cannot be read."""

    async def check(request: bytes, context: object) -> bytes:
        return b"\xff"

    server = grpc.aio.server()
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_one_odd_answer_does_not_keep_the_others_findings_back(library: Library, odd: str) -> None:
    targets = {"odd": odd, "library": library.address, "nobody": "127.0.0.1:1"}
    upstreams = {name: Upstream(name, target, ()) for name, target in targets.items()}
    watch = Watch(contract(), upstreams)
    try:
        await watch.look()
    finally:
        for upstream in upstreams.values():
            await upstream.close()
    assert watch.readiness.services == {"odd": "NOT_SERVING", "library": "SERVING", "nobody": "UNREACHABLE"}
    assert watch.readiness.report == {"odd": False, "library": True, "nobody": False}
    assert watch.readiness.ready and not watch.readiness.complete
