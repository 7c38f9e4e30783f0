"""A feed of messages from a JetStream pull consumer that goes on for ever: through reconnects, restarts of the server and
lost consumers.

The client library's own `fetch` waits in vain after some restarts of the server. This one asks for heartbeats, and when
they stay away it binds to the consumer anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from datetime import datetime
from functools import partial

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import api

from services.chassis.failures import DependencyDown
from services.chassis.jetstream import JetStream

log = structlog.get_logger(__name__)

HEARTBEAT_S = 1.0
# Two may be lost; then the pull request is not there any more, whatever the reason.
SILENCE_S = 2.5 * HEARTBEAT_S
REQUEST_S = 30.0
RETRY_S = 0.5
STATUS = "Status"
HEARTBEAT = "100"
REQUEST_OVER = {"404", "408"}
NANO = 1_000_000_000

Bind = Callable[[], Awaitable[str]]
Room = Callable[[], Awaitable[int]]


class Rebind(Exception):
    """The consumer, or the pull request, is gone."""


class Feed:
    """Messages of one consumer. `bind` makes sure that the consumer is there and answers its name."""

    def __init__(self, jetstream: JetStream, stream: str, bind: Bind) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._bind = bind

    async def messages(self, room: Room) -> AsyncGenerator[Msg, None]:
        """Yields for ever. `room` waits until there is space for more messages, and answers for how many."""
        known = ""
        while True:
            try:
                await self._jetstream.ready()
                async with aclosing(self._bound(await self._bind(), room)) as messages:
                    known = ""
                    async for message in messages:
                        yield message
            except (nats.errors.Error, TimeoutError, DependencyDown, Rebind) as error:
                reason = str(error) or type(error).__name__
                # Said once: at the first start a stream may be a while in coming, and is asked for twice a second.
                (log.debug if reason == known else log.info)("feed binds again", stream=self._stream, reason=reason)
                known = reason
                await asyncio.sleep(RETRY_S)

    async def _bound(self, consumer: str, room: Room) -> AsyncGenerator[Msg, None]:
        client = self._jetstream.client
        received: asyncio.Queue[Msg | None] = asyncio.Queue()
        broken = partial(received.put_nowait, None)
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=received.put)
        self._jetstream.on_break.add(broken)
        try:
            while True:
                wanted = await room()
                request = {"batch": wanted, "expires": int(REQUEST_S * NANO), "idle_heartbeat": int(HEARTBEAT_S * NANO)}
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer}"
                await client.publish(subject, json.dumps(request).encode(), inbox)
                async for message in _answers(received, wanted):
                    yield message
        finally:
            self._jetstream.on_break.discard(broken)
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()
                await _give_back(received)


async def _answers(received: asyncio.Queue[Msg | None], wanted: int) -> AsyncGenerator[Msg, None]:
    """The messages of one pull request: ends when it is served or over."""
    while wanted:
        async with asyncio.timeout(SILENCE_S):
            message = await received.get()
        if message is None:
            raise Rebind("the connection broke")
        status = (message.headers or {}).get(STATUS)
        if status is None:
            wanted -= 1
            yield message
        elif status in REQUEST_OVER:
            return
        elif status != HEARTBEAT:
            raise Rebind(f"{status} {(message.headers or {}).get('Description', '')}")


async def _give_back(received: asyncio.Queue[Msg | None]) -> None:
    # Delivered and not looked at: another replica need not wait for the end of ack_wait to get them.
    while not received.empty():
        message = received.get_nowait()
        if message is not None and STATUS not in (message.headers or {}):
            await message.nak()


class OrderedFeed:
    """A stream's messages on some subjects, in order and without gaps, for ever; for state that every process holds in
    memory. Nothing is acknowledged, and the server keeps nothing of the reader."""

    def __init__(self, jetstream: JetStream, stream: str, subjects: Sequence[str], since: datetime) -> None:
        self._jetstream = jetstream
        self._stream = stream
        self._subjects = list(subjects)
        self._since = since
        self._last = 0
        self._delivered = 0

    async def messages(self) -> AsyncGenerator[Msg, None]:
        """Yields for ever, beginning with the first message after `since`."""
        while True:
            async with aclosing(Feed(self._jetstream, self._stream, self._bind).messages(_always)) as messages:
                async for message in messages:
                    sequence = message.metadata.sequence
                    if sequence.consumer != self._delivered + 1:
                        log.info("feed has a gap", stream=self._stream)
                        break
                    self._delivered, self._last = sequence.consumer, sequence.stream
                    yield message

    async def _bind(self) -> str:
        """Makes a consumer that goes on behind the last message seen."""
        context = self._jetstream.context
        if (await context.stream_info(self._stream)).state.last_seq < self._last:
            self._last = 0  # the stream was made anew
        start = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.BY_START_TIME, opt_start_time=self._since)
        if self._last:
            start = api.ConsumerConfig(deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._last + 1)
        config = start.evolve(
            filter_subjects=self._subjects,
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=10 * HEARTBEAT_S,
        )
        self._delivered = 0
        return (await context.add_consumer(self._stream, config)).name


async def _always() -> int:
    return 256
