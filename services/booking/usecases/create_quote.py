"""Quoting: a stay is priced by the property's terms and signed. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.booking.domain.pricing import price
from services.booking.domain.quote import Quote, offer, sign
from services.booking.domain.stay import Stay
from services.booking.domain.terms import require_allowed
from services.booking.ports import PropertyCatalog
from services.booking.usecases.free_nights import require_free
from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.ids import new_id


@dataclass(frozen=True)
class CreateQuote:
    """Prices a stay. `key` signs the quote, which lasts for `lifetime`."""

    database: Database
    catalog: PropertyCatalog
    clock: Clock
    key: bytes
    lifetime: timedelta

    async def __call__(self, property_id: UUID, stay: Stay, guest_count: int, currency: str) -> tuple[Quote, str]:
        """The quote and its token. `currency` is the one the caller expects, or empty."""
        terms = await self.catalog.terms(property_id)
        now = self.clock.now()
        require_allowed(terms, stay, guest_count, currency, now)
        async with self.database.read() as conn:
            await require_free(conn, property_id, stay, terms.today(now))
        quote = offer(new_id(), terms, stay, guest_count, price(terms, stay), now, now + self.lifetime)
        return quote, sign(quote, self.key)
