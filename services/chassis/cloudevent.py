"""The headers an event travels with: CloudEvents 1.0 in the NATS binding's binary mode, and the W3C trace context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

MESSAGE_ID = "Nats-Msg-Id"
TRACEPARENT = "traceparent"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands on an event's envelope. `subject` is the id of the aggregate, `type` the message's full name."""

    id: UUID
    type: str
    source: str
    subject: str
    occurred_at: datetime

    def headers(self, message_id: str = "") -> dict[str, str]:
        """As headers; `message_id` is what the stream recognises repetitions by, the event's id unless given."""
        return {
            MESSAGE_ID: message_id or str(self.id),
            "ce-specversion": "1.0",
            "ce-id": str(self.id),
            "ce-type": self.type,
            "ce-source": self.source,
            "ce-subject": self.subject,
            "ce-time": self.occurred_at.isoformat(),
            "content-type": "application/protobuf",
        }


def open_envelope(headers: Mapping[str, str] | None) -> Envelope:
    """Reads the headers of an event. Raises ValueError where one is missing or malformed."""
    found = headers or {}
    try:
        return Envelope(
            id=UUID(found["ce-id"]),
            type=found["ce-type"],
            source=found["ce-source"],
            subject=found["ce-subject"],
            occurred_at=datetime.fromisoformat(found["ce-time"]),
        )
    except KeyError as missing:
        raise ValueError(f"no header {missing}") from None
