"""Bookings: rows and what they mean."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, case, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.booking.domain.booking import Booking, Cancellation, State
from services.booking.domain.money import Money
from services.booking.domain.policy import POLICIES, Party, Schedule, Settlement
from services.booking.domain.pricing import Price
from services.booking.domain.stay import Stay
from services.booking.domain.terms import PolicyKind
from services.booking.tables import booking as table
from services.chassis.database import ReadConnection, WriteConnection


async def now(conn: ReadConnection) -> datetime:
    """The database's clock, by which holds begin and end wherever the services run."""
    return (await conn.execute(select(func.now()))).scalar_one()


async def add(tx: WriteConnection, booking: Booking) -> bool:
    """Adds a new booking; False where it is there already, from an earlier attempt of the same call."""
    statement = insert(table).values(_values(booking)).on_conflict_do_nothing().returning(table.c.booking_id)
    return (await tx.execute(statement)).first() is not None


async def get(conn: ReadConnection, booking_id: UUID) -> Booking | None:
    """The booking, as it was a moment ago."""
    return _first(await conn.execute(select(table).where(table.c.booking_id == booking_id)))


async def get_known(tx: WriteConnection, booking_id: UUID) -> Booking:
    """A booking that is there. Raises LookupError where it is not."""
    found = await get(tx, booking_id)
    if found is None:
        raise LookupError(f"booking {booking_id} is gone")
    return found


async def lock(tx: WriteConnection, booking_id: UUID) -> Booking | None:
    """The booking, kept from others until the transaction ends. Locked before its payment, always."""
    return _first(await tx.execute(select(table).where(table.c.booking_id == booking_id).with_for_update()))


async def lock_known(tx: WriteConnection, booking_id: UUID) -> Booking:
    """A booking that is there, kept from others. Raises LookupError where it is not."""
    found = await lock(tx, booking_id)
    if found is None:
        raise LookupError(f"booking {booking_id} is gone")
    return found


async def save(tx: WriteConnection, booking: Booking) -> None:
    """Writes the next version of a locked booking. Raises LookupError where the row is not the version before."""
    statement = (
        update(table)
        .where(table.c.booking_id == booking.booking_id, table.c.version == booking.version - 1)
        .values(_values(booking))
    )
    if (await tx.execute(statement)).rowcount != 1:
        raise LookupError(f"booking {booking.booking_id} is not at version {booking.version - 1}")


async def page(
    conn: ReadConnection, user_id: UUID, side: Party, state: State | None, before: UUID | None, size: int
) -> list[Booking]:
    """At most `size` of a user's bookings, the newest first, those made before the booking `before`."""
    mine = table.c.host_id if side is Party.HOST else table.c.client_id
    statement = select(table).where(mine == user_id).order_by(table.c.booking_id.desc()).limit(size)
    if state is not None:
        statement = statement.where(table.c.state == state)
    if before is not None:
        statement = statement.where(table.c.booking_id < before)
    return _all(await conn.execute(statement))


async def count_holds(tx: WriteConnection, client_id: UUID) -> int:
    """How many unpaid bookings a client holds. Until the transaction ends, nobody else counts for this client."""
    await tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:client, 0))"), {"client": f"holds of {client_id}"}
    )
    statement = select(func.count()).where(table.c.client_id == client_id, table.c.state == State.HELD)
    return (await tx.execute(statement)).scalar_one()


async def lock_expired_holds(tx: WriteConnection, most: int) -> list[Booking]:
    """Holds whose time is over by the database's clock, the oldest first; those others work on are left to them."""
    due = (table.c.state == State.HELD, table.c.hold_expires_at <= func.now())
    return _all(await tx.execute(_claim(select(table).where(*due).order_by(table.c.hold_expires_at), most)))


async def lock_ended_stays(tx: WriteConnection, most: int) -> list[Booking]:
    """Confirmed bookings whose check-out has passed, the oldest first."""
    due = (table.c.state == State.CONFIRMED, table.c.ends_at <= func.now())
    return _all(await tx.execute(_claim(select(table).where(*due).order_by(table.c.ends_at), most)))


async def erase_words(tx: WriteConnection, user_id: UUID, side: Party, most: int) -> int:
    """Empties what a user wrote into at most `most` bookings, as their client or their host; in how many."""
    mine = table.c.host_id if side is Party.HOST else table.c.client_id
    cancelled = (table.c.cancelled_by == side) & (table.c.cancel_reason != "")
    written = or_(table.c.message != "", cancelled) if side is Party.CLIENT else cancelled
    due = select(table.c.booking_id).where(mine == user_id, written).limit(most).with_for_update()
    kept = table.c.message if side is Party.HOST else ""
    values = {
        "message": kept,
        "cancel_reason": case((table.c.cancelled_by == side, ""), else_=table.c.cancel_reason),
        # It is another booking to whoever reads it, and a new etag says so.
        "version": table.c.version + 1,
        "updated_at": func.now(),
    }
    return (await tx.execute(update(table).where(table.c.booking_id.in_(due)).values(values))).rowcount


def _claim(statement: Select[Any], most: int) -> Select[Any]:
    return statement.limit(most).with_for_update(skip_locked=True)


def _first(result: Any) -> Booking | None:
    row = result.mappings().first()
    return None if row is None else _booking(row)


def _all(result: Any) -> list[Booking]:
    return [_booking(row) for row in result.mappings()]


def _values(booking: Booking) -> dict[str, Any]:
    schedule, price, ended = booking.schedule, booking.price, booking.cancellation
    return {
        "booking_id": booking.booking_id,
        "client_id": booking.client_id,
        "host_id": booking.host_id,
        "property_id": booking.property_id,
        "property_title": booking.property_title,
        "state": booking.state,
        "version": booking.version,
        "check_in": schedule.stay.check_in,
        "check_out": schedule.stay.check_out,
        "time_zone": schedule.time_zone,
        "check_in_time": schedule.check_in_time,
        "check_out_time": schedule.check_out_time,
        "ends_at": schedule.ends_at,
        "guest_count": booking.guest_count,
        "currency": price.cleaning.currency,
        "nights_minor": [amount.minor for amount in price.nights],
        "cleaning_minor": price.cleaning.minor,
        "service_minor": price.service.minor,
        "policy": booking.policy.kind,
        "policy_version": booking.policy.version,
        "quote_id": booking.quote_id,
        "terms_version": booking.terms_version,
        "message": booking.message,
        "payment_id": booking.payment_id,
        "created_at": booking.created_at,
        "updated_at": booking.updated_at,
        "hold_expires_at": booking.hold_expires_at,
        "confirmed_at": booking.confirmed_at,
        "cancelled_at": ended and ended.at,
        "cancelled_by": ended and ended.by,
        "cancel_reason": ended and ended.reason,
        "refund_minor": ended and ended.settlement.refund.minor,
        "kept_host_minor": ended and ended.settlement.host_part.minor,
        "kept_platform_minor": ended and ended.settlement.platform_part.minor,
    }


def _booking(row: RowMapping) -> Booking:
    return Booking(
        booking_id=row["booking_id"],
        client_id=row["client_id"],
        host_id=row["host_id"],
        property_id=row["property_id"],
        property_title=row["property_title"],
        state=State(row["state"]),
        version=row["version"],
        schedule=_schedule(row),
        guest_count=row["guest_count"],
        price=_price(row),
        policy=POLICIES[PolicyKind(row["policy"]), row["policy_version"]],
        quote_id=row["quote_id"],
        terms_version=row["terms_version"],
        message=row["message"],
        payment_id=row["payment_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        hold_expires_at=row["hold_expires_at"],
        confirmed_at=row["confirmed_at"],
        cancellation=_cancellation(row),
    )


def _schedule(row: RowMapping) -> Schedule:
    stay = Stay(row["check_in"], row["check_out"])
    return Schedule(stay, row["time_zone"], row["check_in_time"], row["check_out_time"])


def _price(row: RowMapping) -> Price:
    currency = row["currency"]
    nights = tuple(Money(minor, currency) for minor in row["nights_minor"])
    return Price(row["check_in"], nights, Money(row["cleaning_minor"], currency), Money(row["service_minor"], currency))


def _cancellation(row: RowMapping) -> Cancellation | None:
    if row["cancelled_at"] is None:
        return None
    currency = row["currency"]
    host_part, platform_part = Money(row["kept_host_minor"], currency), Money(row["kept_platform_minor"], currency)
    settlement = Settlement(Money(row["refund_minor"], currency), host_part + platform_part, host_part, platform_part)
    return Cancellation(Party(row["cancelled_by"]), row["cancelled_at"], row["cancel_reason"], settlement)
