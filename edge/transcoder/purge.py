"""Keeps the response cache honest: the contract's events purge it as they are published.

A plain subscription is enough, as every event passes its subject before any consumer reads it from the stream; what might
be missed while the connection is away is paid with an empty cache.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from edge.transcoder.cache import ResponseCache, fill
from edge.transcoder.contract import Contract

log = structlog.get_logger("edge.transcoder")

RECONNECT_FOR_EVER = -1
# A connection that is dead without saying so is noticed after twice this; until then the cache may be stale.
PING_SECONDS = 5


class Purger:
    """Subscribes to every event that purges or revokes; the cache is live while the subscriptions stand."""

    def __init__(
        self,
        contract: Contract,
        cache: ResponseCache,
        forget_tokens: Callable[[], None],
        url: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._events = {event.subject: event for event in contract.events()}
        self._cache = cache
        self._forget_tokens = forget_tokens
        self._url = url
        self._tls = tls

    async def run(self) -> None:
        """Connects and listens until the connection is given up; whatever ends it, the cache is off then."""
        client = Client()
        try:
            await self._listen(client)
        finally:
            self._cache.suspend()
            await client.close()

    async def _listen(self, client: Client) -> None:
        closed = asyncio.Event()

        async def on_closed() -> None:
            closed.set()

        async def on_disconnected() -> None:
            self._cache.suspend()

        async def on_reconnected() -> None:
            await client.flush()
            self._forget_tokens()
            self._cache.resume()

        await client.connect(
            self._url,
            name="transcoder",
            tls=self._tls,
            ping_interval=PING_SECONDS,
            max_reconnect_attempts=RECONNECT_FOR_EVER,
            reconnect_time_wait=1,
            disconnected_cb=on_disconnected,
            reconnected_cb=on_reconnected,
            closed_cb=on_closed,
            error_cb=self._on_error,
        )
        for subject in self._events:
            await client.subscribe(subject, cb=self._on_event)
        await client.flush()
        self._forget_tokens()
        self._cache.resume()
        await closed.wait()

    async def _on_event(self, message: Msg) -> None:
        event = self._events[message.subject]
        if event.revokes:
            self._forget_tokens()
        try:
            self._cache.purge(fill(event.purges, event.type.from_binary(message.data)))
        except ValueError:
            log.warning("event cannot be read, the cache is emptied", subject=message.subject)
            self._cache.clear()

    async def _on_error(self, error: Exception) -> None:
        # A slow consumer among others: messages were dropped.
        self._cache.clear()
        log.warning("nats", problem=type(error).__name__)
