"""One edge for the tests that do not disturb it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.edge_envoy.harness import Edge, running_edge


@pytest.fixture(scope="session")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    home = tmp_path_factory.mktemp("edge")
    overrides: dict[str, Any] = {
        "edge_cors_origins": ("https://app.kerya.example",),
        "edge_address_rate": 0,
        "edge_headers_timeout": 1.0,
        "edge_request_timeout": 2.0,
        "edge_route_timeout": 2.0,
        "edge_grpc_timeout_max": 2.0,
    }
    async with running_edge(home, **overrides) as running:
        yield running
