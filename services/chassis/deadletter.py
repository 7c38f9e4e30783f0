"""Dead letters: the events that a consumer gave up, why, and the way back.

JetStream keeps a given-up event in its stream and says so once, in an advisory. The stream DEAD_LETTER keeps those
advisories; each points at the event.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from nats.js import api
from nats.js.errors import NotFoundError

from services.chassis.cloudevent import TRACEPARENT, Envelope, open_envelope
from services.chassis.contract import Contract
from services.chassis.jetstream import JetStream
from services.chassis.messages import message_class

STREAM = "DEAD_LETTER"
SUBJECTS = [
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
]
# Longer than any event is kept: a letter whose event is gone still tells what happened.
MAX_AGE_S = 30 * 86_400.0
MAX_BYTES = 256 << 20
REDACTED = "[redacted]"


class LetterGone(Exception):
    """There is no such letter, or the event it points at has left its stream."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one consumer gave up. `number` names the letter; `event_number` is the event's place in `stream`."""

    number: int
    stream: str
    consumer: str
    event_number: int
    deliveries: int
    reason: str
    died_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A letter with its event; `body` is the event as JSON, personal fields redacted."""

    letter: DeadLetter
    subject: str
    envelope: Envelope
    body: dict[str, Any]


async def declare(jetstream: JetStream) -> None:
    """Makes sure that advisories are kept."""
    config = api.StreamConfig(
        name=STREAM,
        subjects=SUBJECTS,
        storage=api.StorageType.FILE,
        retention=api.RetentionPolicy.LIMITS,
        num_replicas=jetstream.replicas,
        discard=api.DiscardPolicy.OLD,
        max_age=MAX_AGE_S,
        max_bytes=MAX_BYTES,
    )
    await jetstream.declare_stream(config)


async def letters(jetstream: JetStream) -> AsyncIterator[DeadLetter]:
    """All letters, the oldest first."""
    number = 1
    while True:
        try:
            message = await jetstream.context.get_msg(STREAM, seq=number, subject=">", next=True)
        except NotFoundError:
            return
        assert message.seq is not None
        yield _letter(message)
        number = message.seq + 1


async def open_letter(jetstream: JetStream, contract: Contract, number: int) -> Opened:
    """A letter and its event. Raises LetterGone."""
    letter, message = await _with_event(jetstream, number)
    envelope = open_envelope(message.headers)
    event = message_class(envelope.type).FromString(message.data or b"")
    _redact(event, contract)
    body = json_format.MessageToDict(event, preserving_proto_field_name=True)
    return Opened(letter, message.subject or "", envelope, body)


def _redact(message: Message, contract: Contract) -> None:
    personal = contract.personal.get(message.DESCRIPTOR.full_name, {})
    for field, value in message.ListFields():
        if field.name in personal:
            message.ClearField(field.name)
            if isinstance(value, str):
                setattr(message, field.name, REDACTED)
        elif isinstance(value, Message):
            _redact(value, contract)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for each in value:
                _redact(each, contract)


async def redrive(jetstream: JetStream, number: int) -> DeadLetter:
    """Publishes the event again and removes the letter. Raises LetterGone.

    The stream sees a new message, every consumer the event it knows: those that handled it find it in their inbox, and
    only the one that gave up acts. A redrive that is repeated after a crash is recognised by the stream.
    """
    letter, message = await _with_event(jetstream, number)
    headers = open_envelope(message.headers).headers(f"redrive-{letter.stream}-{letter.event_number}-{number}")
    if trace := (message.headers or {}).get(TRACEPARENT):
        headers[TRACEPARENT] = trace
    await jetstream.publish(letter.stream, message.subject or "", message.data or b"", headers)
    await jetstream.context.delete_msg(STREAM, number)
    return letter


async def _with_event(jetstream: JetStream, number: int) -> tuple[DeadLetter, api.RawStreamMsg]:
    try:
        letter = _letter(await jetstream.context.get_msg(STREAM, seq=number))
    except NotFoundError:
        raise LetterGone(f"there is no dead letter {number}") from None
    try:
        return letter, await jetstream.context.get_msg(letter.stream, seq=letter.event_number)
    except NotFoundError:
        raise LetterGone(f"event {letter.event_number} has left the stream {letter.stream}") from None


def _letter(message: api.RawStreamMsg) -> DeadLetter:
    advisory = json.loads(message.data or b"{}")
    return DeadLetter(
        number=message.seq or 0,
        stream=advisory["stream"],
        consumer=advisory["consumer"],
        event_number=advisory["stream_seq"],
        deliveries=advisory["deliveries"],
        reason=advisory.get("reason", "the last delivery was not answered"),
        died_at=datetime.fromisoformat(advisory["timestamp"]),
    )
