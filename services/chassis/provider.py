"""HTTP clients for outside providers: bounded in time, traced, behind a breaker."""

from __future__ import annotations

import httpx
from opentelemetry.trace import SpanKind

from services.chassis.breaker import Breaker
from services.chassis.telemetry import tracer

# A provider answers within seconds or the work is tried again later; nothing waits on one inside a transaction.
TIMEOUT = httpx.Timeout(10.0, connect=2.0)
LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)


class _Guarded(httpx.AsyncBaseTransport):
    """Counts failures of the provider itself: no connection, no answer in time, 5xx."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._breaker = Breaker(name, threshold=10, pause=2.0)
        self._inner = httpx.AsyncHTTPTransport(limits=LIMITS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._breaker.check()
        # The path may hold a person's id at the provider: only its first segments are shown.
        attributes = {
            "http.request.method": request.method,
            "server.address": request.url.host,
            "peer.service": self._name,
        }
        with tracer.start_as_current_span(
            f"{request.method} {self._name}", kind=SpanKind.CLIENT, attributes=attributes
        ) as span:
            try:
                response = await self._inner.handle_async_request(request)
            except httpx.TransportError:
                self._breaker.failed()
                raise
            span.set_attribute("http.response.status_code", response.status_code)
        if response.status_code >= 500:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def provider_client(name: str, base_url: str) -> httpx.AsyncClient:
    """A client for one provider. Raises DependencyDown while its breaker is open, httpx.TransportError when it fails."""
    return httpx.AsyncClient(base_url=base_url, transport=_Guarded(name), timeout=TIMEOUT, follow_redirects=False)
