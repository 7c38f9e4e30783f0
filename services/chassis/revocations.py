"""Ended sessions and API keys, known in every process a moment after the fact, without a look-up per call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg

from services.chassis.clock import Clock
from services.chassis.cloudevent import open_envelope
from services.chassis.contract import Contract
from services.chassis.feed import OrderedFeed
from services.chassis.jetstream import JetStream
from services.chassis.messages import message_class
from services.chassis.rules import EventRule
from services.chassis.supervision import Supervised

log = structlog.get_logger(__name__)

# Longer than an access token lives (10 minutes) plus the clocks' leeway: after that the token is refused as expired.
REMEMBERED = timedelta(minutes=15)


class Revocations:
    """Listens for the events that the contract marks with `revokes`."""

    def __init__(
        self,
        jetstream: JetStream,
        contract: Contract,
        clock: Clock,
        message_class: Callable[[str], type[Message]] = message_class,
    ) -> None:
        self._clock = clock
        self._message_class = message_class
        self._until: OrderedDict[str, datetime] = OrderedDict()
        rules = [rule for rule in contract.events.values() if rule.revokes]
        self._listeners = [
            Supervised(f"revocations of {stream}", partial(self._listen, jetstream, stream, subjects))
            for stream, subjects in _by_stream(rules).items()
        ]

    async def start(self) -> None:
        """Starts listening, from fifteen minutes ago on."""
        for listener in self._listeners:
            listener.start()

    async def stop(self) -> None:
        await asyncio.gather(*(listener.stop() for listener in self._listeners))

    def is_revoked(self, identifier: str) -> bool:
        """Whether the session or API key with this TypeID was ended within the time that its tokens could still live."""
        until = self._until.get(identifier)
        return until is not None and self._clock.now() < until

    async def _listen(self, jetstream: JetStream, stream: str, subjects: Mapping[str, EventRule]) -> None:
        since = self._clock.now() - REMEMBERED
        async for message in OrderedFeed(jetstream, stream, list(subjects), since).messages():
            self._take(message, subjects[message.subject])

    def _take(self, message: Msg, rule: EventRule) -> None:
        try:
            event = self._message_class(rule.full_name).FromString(message.data)
            occurred_at = open_envelope(message.headers).occurred_at
        except (DecodeError, ValueError) as error:
            log.error("revocation cannot be read", subject=message.subject, error=str(error))
            return
        self._until[str(getattr(event, rule.revokes))] = occurred_at + REMEMBERED
        self._forget()

    def _forget(self) -> None:
        now = self._clock.now()
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)


def _by_stream(rules: list[EventRule]) -> dict[str, dict[str, EventRule]]:
    streams: dict[str, dict[str, EventRule]] = {}
    for rule in rules:
        streams.setdefault(rule.stream, {})[rule.subject] = rule
    return streams
