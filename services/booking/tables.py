"""The tables of the booking service."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Sequence,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    func,
)

from services.chassis.tables import chassis_metadata

metadata = chassis_metadata()

# Numbers the changes of nights.
night_change = Sequence("night_change", metadata=metadata)


def _instant(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


# Who has a night. The primary key is why no night is sold twice; every key starts with property_id, so that the table
# can be partitioned or spread by it.
night = Table(
    "night",
    metadata,
    Column("property_id", Uuid, nullable=False),
    Column("night", Date, nullable=False),
    Column("kind", Text, nullable=False),  # HOLD, BOOKING, BLOCK, IMPORT
    Column("booking_id", Uuid),
    Column("block_id", Uuid),
    PrimaryKeyConstraint("property_id", "night"),
)

block = Table(
    "block",
    metadata,
    Column("property_id", Uuid, nullable=False),
    Column("block_id", Uuid, nullable=False),
    Column("note", Text, nullable=False),
    _instant("created_at", nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("property_id", "block_id"),
)

booking = Table(
    "booking",
    metadata,
    Column("booking_id", Uuid, primary_key=True),
    Column("client_id", Uuid, nullable=False),
    Column("host_id", Uuid, nullable=False),
    Column("property_id", Uuid, nullable=False),
    Column("property_title", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("check_in", Date, nullable=False),
    Column("check_out", Date, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("check_in_time", Time, nullable=False),
    Column("check_out_time", Time, nullable=False),
    _instant("ends_at", nullable=False),
    Column("guest_count", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("nights_minor", ARRAY(BigInteger), nullable=False),
    Column("cleaning_minor", BigInteger, nullable=False),
    Column("service_minor", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_version", Integer, nullable=False),
    Column("quote_id", Uuid, nullable=False),
    Column("terms_version", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    _instant("created_at", nullable=False),
    _instant("updated_at", nullable=False),
    _instant("hold_expires_at", nullable=False),
    _instant("confirmed_at"),
    _instant("cancelled_at"),
    Column("cancelled_by", Text),
    Column("cancel_reason", Text),
    Column("refund_minor", BigInteger),
    Column("kept_host_minor", BigInteger),
    Column("kept_platform_minor", BigInteger),
)

payment = Table(
    "payment",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("booking_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("refunding_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("intent_id", Text, unique=True),
    Column("client_secret", LargeBinary),  # encrypted
    Column("attempts", Integer, nullable=False, server_default="0"),
    _instant("next_attempt_at", nullable=False, server_default=func.now()),
)

refund = Table(
    "refund",
    metadata,
    Column("refund_id", Uuid, primary_key=True),
    Column("payment_id", Uuid, nullable=False),
    Column("booking_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("provider_refund_id", Text, unique=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _instant("next_attempt_at", nullable=False, server_default=func.now()),
    Column("problem", Text, nullable=False, server_default=""),
)

provider_event = Table(
    "provider_event",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payment_id", Uuid),
    Column("refund_id", Uuid),
    Column("intent_id", Text, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    _instant("received_at", nullable=False, server_default=func.now()),
    _instant("applied_at"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("problem", Text, nullable=False, server_default=""),
    Column("traceparent", Text, nullable=False, server_default=""),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("source", Text, nullable=False),
    Column("source_id", Uuid, nullable=False),
    Column("line", SmallInteger, nullable=False),
    Column("booking_id", Uuid, nullable=False),
    Column("account", Text, nullable=False),
    Column("owner_id", Uuid),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    _instant("created_at", nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("source", "source_id", "line"),
)
