"""Payments and refunds: what the provider is asked, and when it is asked again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, case, func, insert, select, update

from services.booking.domain.money import Money
from services.booking.domain.payment import Payment, PaymentState, Refund, RefundReason, RefundState
from services.booking.tables import payment as table
from services.booking.tables import refund
from services.chassis.crypto import FieldCipher, Place
from services.chassis.database import ReadConnection, WriteConnection

# How long the provider is left alone after a failed call: doubled with each, up to ten minutes.
FIRST_PAUSE_S = 2.0
LONGEST_DOUBLING = 8


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of bookings. The client secret is encrypted at rest."""

    cipher: FieldCipher

    async def add(self, tx: WriteConnection, payment: Payment) -> None:
        """Keeps a payment before the provider hears of it."""
        await tx.execute(insert(table).values(self._values(payment)))

    async def get_all(self, conn: ReadConnection, payment_ids: Iterable[UUID]) -> dict[UUID, Payment]:
        """The payments by id."""
        result = await conn.execute(select(table).where(table.c.payment_id.in_(list(payment_ids))))
        return {row["payment_id"]: self._payment(row) for row in result.mappings()}

    async def find(self, conn: ReadConnection, payment_id: UUID | None, intent_id: str) -> Payment | None:
        """The payment by its own id, or else by the provider's."""
        mine = table.c.payment_id == payment_id if payment_id else table.c.intent_id == intent_id
        row = (await conn.execute(select(table).where(mine))).mappings().first()
        return None if row is None else self._payment(row)

    async def lock(self, tx: WriteConnection, payment_id: UUID) -> Payment:
        """The payment, kept from others. Its booking is locked before. Raises NoResultFound where there is none."""
        result = await tx.execute(select(table).where(table.c.payment_id == payment_id).with_for_update())
        return self._payment(result.mappings().one())

    async def save(self, tx: WriteConnection, payment: Payment) -> None:
        """Writes the next version of a locked payment."""
        values = self._values(payment) | {"attempts": 0, "next_attempt_at": func.now()}
        await tx.execute(update(table).where(table.c.payment_id == payment.payment_id).values(values))

    async def set_intent(self, tx: WriteConnection, payment_id: UUID, intent_id: str, client_secret: str) -> None:
        """Keeps what the provider calls the payment. Asked twice, it answers the same, and nothing changes."""
        sealed = self.cipher.encrypt(client_secret.encode(), _place(payment_id))
        statement = update(table).where(table.c.payment_id == payment_id)
        await tx.execute(statement.values(intent_id=intent_id, client_secret=sealed))

    async def claim_voiding(self, tx: WriteConnection, most: int) -> list[Payment]:
        """Payments the provider is yet to be told to give up; each is left to the caller until its next attempt."""
        rows = await _claim(tx, table, table.c.payment_id, table.c.state == PaymentState.VOIDING, most)
        return [self._payment(row) for row in rows]

    def _values(self, payment: Payment) -> dict[str, Any]:
        secret = payment.client_secret.encode()
        return {
            "payment_id": payment.payment_id,
            "booking_id": payment.booking_id,
            "state": payment.state,
            "version": payment.version,
            "currency": payment.amount.currency,
            "amount_minor": payment.amount.minor,
            "refunding_minor": payment.refunding.minor,
            "refunded_minor": payment.refunded.minor,
            "intent_id": payment.intent_id or None,
            "client_secret": self.cipher.encrypt(secret, _place(payment.payment_id)) if secret else None,
        }

    def _payment(self, row: RowMapping) -> Payment:
        currency, sealed = row["currency"], row["client_secret"]
        return Payment(
            payment_id=row["payment_id"],
            booking_id=row["booking_id"],
            amount=Money(row["amount_minor"], currency),
            refunding=Money(row["refunding_minor"], currency),
            refunded=Money(row["refunded_minor"], currency),
            state=PaymentState(row["state"]),
            intent_id=row["intent_id"] or "",
            client_secret=self.cipher.decrypt(sealed, _place(row["payment_id"])).decode() if sealed else "",
            version=row["version"],
        )


def _place(payment_id: UUID) -> Place:
    return Place("payment", "client_secret", str(payment_id))


async def add_refund(tx: WriteConnection, opened: Refund) -> None:
    """Keeps a refund before the provider hears of it."""
    await tx.execute(
        insert(refund).values(
            refund_id=opened.refund_id,
            payment_id=opened.payment_id,
            booking_id=opened.booking_id,
            state=opened.state,
            reason=opened.reason,
            currency=opened.amount.currency,
            amount_minor=opened.amount.minor,
        )
    )


async def get_refund(conn: ReadConnection, refund_id: UUID) -> Refund | None:
    """The refund, as it was a moment ago."""
    row = (await conn.execute(select(refund).where(refund.c.refund_id == refund_id))).mappings().first()
    return None if row is None else _refund(row)


async def lock_refund(tx: WriteConnection, refund_id: UUID) -> Refund:
    """The refund, kept from others. Its booking is locked before. Raises NoResultFound where there is none."""
    result = await tx.execute(select(refund).where(refund.c.refund_id == refund_id).with_for_update())
    return _refund(result.mappings().one())


async def save_refund(tx: WriteConnection, changed: Refund, problem: str = "") -> None:
    """Writes where a locked refund stands now."""
    provider_id = changed.provider_refund_id or None
    statement = update(refund).where(refund.c.refund_id == changed.refund_id)
    await tx.execute(statement.values(state=changed.state, provider_refund_id=provider_id, problem=problem))


async def claim_refunds(tx: WriteConnection, most: int) -> list[Refund]:
    """Refunds the provider is yet to be asked for; each is left to the caller until its next attempt."""
    rows = await _claim(tx, refund, refund.c.refund_id, refund.c.state == RefundState.PENDING, most)
    return [_refund(row) for row in rows]


async def _claim(
    tx: WriteConnection, of: Table, key: ColumnElement[UUID], wanted: ColumnElement[bool], most: int
) -> list[RowMapping]:
    # The next attempt is set before the call: a caller that dies, or a call without an answer, is tried again by then.
    # The provider knows the stored key, so that a second call has no second effect.
    due = (
        select(key)
        .where(wanted, of.c.next_attempt_at <= func.now())
        .order_by(of.c.next_attempt_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    doublings = case((of.c.attempts < LONGEST_DOUBLING, of.c.attempts), else_=LONGEST_DOUBLING)
    pause = func.make_interval(0, 0, 0, 0, 0, 0, FIRST_PAUSE_S * func.power(2.0, doublings))
    statement = (
        update(of)
        .where(key.in_(due.scalar_subquery()))
        .values(attempts=of.c.attempts + 1, next_attempt_at=func.now() + pause)
        .returning(of)
    )
    return list((await tx.execute(statement)).mappings())


def _refund(row: RowMapping) -> Refund:
    return Refund(
        refund_id=row["refund_id"],
        payment_id=row["payment_id"],
        booking_id=row["booking_id"],
        amount=Money(row["amount_minor"], row["currency"]),
        reason=RefundReason(row["reason"]),
        state=RefundState(row["state"]),
        provider_refund_id=row["provider_refund_id"] or "",
    )
