"""Quotes: a priced offer as one signed text. Nothing is stored; whoever brings the text back brings the offer."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from services.booking.domain.errors import QuoteExpired, QuoteTampered
from services.booking.domain.money import Money
from services.booking.domain.policy import CURRENT_VERSION, Schedule
from services.booking.domain.pricing import Price
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PolicyKind, PropertyTerms, local_date

# Part of what is signed, so that a text signed for anything else is never a quote.
PURPOSE = b"kerya.quote.1\0"
TAG_BYTES = 32


@dataclass(frozen=True, slots=True)
class Quote:
    """What was offered, under which terms, and until when. Instants are aware UTC, to the second."""

    quote_id: UUID
    property_id: UUID
    host_id: UUID
    property_title: str
    stay: Stay
    guest_count: int
    time_zone: str
    check_in_time: time
    check_out_time: time
    price: Price
    policy: PolicyKind
    policy_version: int
    instant_book: bool
    terms_version: int
    created_at: datetime
    expires_at: datetime

    @property
    def schedule(self) -> Schedule:
        """When the stay begins and ends."""
        return Schedule(self.stay, self.time_zone, self.check_in_time, self.check_out_time)

    @property
    def created_on(self) -> date:
        """The day it was at the property when the quote was made."""
        return local_date(self.created_at, self.time_zone)

    def require_live(self, now: datetime) -> None:
        """Refuses a quote whose time is over."""
        if now >= self.expires_at:
            raise QuoteExpired(expire_time=self.expires_at.isoformat().replace("+00:00", "Z"))


def offer(
    quote_id: UUID, terms: PropertyTerms, stay: Stay, guest_count: int, price: Price, now: datetime, until: datetime
) -> Quote:
    """The quote of a stay that the terms allow."""
    return Quote(
        quote_id=quote_id,
        property_id=terms.property_id,
        host_id=terms.host_id,
        property_title=terms.title,
        stay=stay,
        guest_count=guest_count,
        time_zone=terms.time_zone,
        check_in_time=terms.check_in_time,
        check_out_time=terms.check_out_time,
        price=price,
        policy=terms.policy,
        policy_version=CURRENT_VERSION,
        instant_book=terms.instant_book,
        terms_version=terms.version,
        created_at=now.replace(microsecond=0),
        expires_at=until.replace(microsecond=0),
    )


def sign(quote: Quote, key: bytes) -> str:
    """The quote's token: its canonical bytes and their HMAC-SHA-256, as URL-safe text."""
    body = json.dumps(_values(quote), sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_tag(body, key) + body).rstrip(b"=").decode()


def read(token: str, key: bytes) -> Quote:
    """The quote of a token that `sign` made with this key; QuoteTampered for any other text."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise QuoteTampered from None
    tag, body = raw[:TAG_BYTES], raw[TAG_BYTES:]
    # Encoding again refuses a second spelling of the same bytes: a token has one form.
    spelled = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    if spelled != token or not hmac.compare_digest(tag, _tag(body, key)):
        raise QuoteTampered
    return _quote(json.loads(body))


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, PURPOSE + body, hashlib.sha256)


def _values(quote: Quote) -> dict[str, object]:
    return {
        "id": quote.quote_id.hex,
        "property": quote.property_id.hex,
        "host": quote.host_id.hex,
        "title": quote.property_title,
        "in": quote.stay.check_in.isoformat(),
        "out": quote.stay.check_out.isoformat(),
        "guests": quote.guest_count,
        "zone": quote.time_zone,
        "in_time": quote.check_in_time.isoformat(),
        "out_time": quote.check_out_time.isoformat(),
        "currency": quote.price.cleaning.currency,
        "nights": [amount.minor for amount in quote.price.nights],
        "cleaning": quote.price.cleaning.minor,
        "service": quote.price.service.minor,
        "policy": quote.policy.value,
        "policy_version": quote.policy_version,
        "instant": quote.instant_book,
        "terms": quote.terms_version,
        "made": int(quote.created_at.timestamp()),
        "ends": int(quote.expires_at.timestamp()),
    }


def _quote(values: Mapping[str, Any]) -> Quote:
    stay = Stay(date.fromisoformat(values["in"]), date.fromisoformat(values["out"]))
    currency = values["currency"]
    nights = tuple(Money(minor, currency) for minor in values["nights"])
    return Quote(
        quote_id=UUID(values["id"]),
        property_id=UUID(values["property"]),
        host_id=UUID(values["host"]),
        property_title=values["title"],
        stay=stay,
        guest_count=values["guests"],
        time_zone=values["zone"],
        check_in_time=time.fromisoformat(values["in_time"]),
        check_out_time=time.fromisoformat(values["out_time"]),
        price=Price(stay.check_in, nights, Money(values["cleaning"], currency), Money(values["service"], currency)),
        policy=PolicyKind(values["policy"]),
        policy_version=values["policy_version"],
        instant_book=values["instant"],
        terms_version=values["terms"],
        created_at=datetime.fromtimestamp(values["made"], UTC),
        expires_at=datetime.fromtimestamp(values["ends"], UTC),
    )
