"""A gateway in the seed's design: FastAPI takes the request, HTTPX sends it on, the answer goes back as it came.

It neither checks tokens nor limits nor logs: it is measured at its cheapest.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

# Headers that belong to one connection, or that the next hop says anew.
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"})

# Shorter than the service's: a connection it has just closed would be a failed request.
KEEPALIVE_SECONDS = 30


def build(service: str) -> FastAPI:
    """The gateway in front of `service`, a base URL."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        limits = httpx.Limits(keepalive_expiry=KEEPALIVE_SECONDS)
        async with httpx.AsyncClient(base_url=service, timeout=5.0, limits=limits) as client:
            app.state.client = client
            yield

    app = FastAPI(lifespan=life)

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def proxy(path: str, request: Request) -> Response:
        client: httpx.AsyncClient = request.app.state.client
        headers = {name: value for name, value in request.headers.items() if name not in _HOP}
        answer = await client.request(
            request.method,
            f"/{path}",
            params=request.query_params,
            headers=headers,
            content=await request.body(),
        )
        kept = {name: value for name, value in answer.headers.items() if name not in _HOP}
        return Response(answer.content, answer.status_code, kept)

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--service", required=True, help="base URL of the service behind")
    options = parser.parse_args()
    uvicorn.run(
        build(options.service),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
