"""The tables that the chassis keeps in every service's database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)

# Constraints need names that are the same everywhere, or a migration cannot drop what another database calls otherwise.
NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
PENDING = text("published_at IS NULL AND parked_at IS NULL")


def chassis_metadata() -> MetaData:
    """A MetaData that already has outbox, inbox and idempotency; a service adds its own tables to it."""
    metadata = MetaData(naming_convention=NAMING)
    _outbox(metadata)
    _inbox(metadata)
    _idempotency(metadata)
    return metadata


def _instant(name: str, **options: object) -> Column[object]:
    return Column(name, DateTime(timezone=True), **options)  # type: ignore[arg-type]


def _outbox(metadata: MetaData) -> Table:
    return Table(
        "outbox",
        metadata,
        # The order in which rows were written. It is not the order of commits, so the relay never uses it as a cursor;
        # within one aggregate the two agree, since its writers wait for each other.
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        Column("id", Uuid, nullable=False, unique=True),
        Column("aggregate", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("traceparent", Text, nullable=False, server_default=""),
        _instant("occurred_at", nullable=False),
        # A row that the stream refused for now waits until then; its aggregate's later rows wait behind it.
        _instant("not_before", nullable=False, server_default=text("'-infinity'")),
        _instant("published_at"),
        _instant("parked_at"),
        Column("parked_reason", Text),
        # The two look-ups of the relay, over the pending rows only: small however much is kept.
        Index("outbox_pending_idx", "seq", postgresql_where=PENDING),
        Index("outbox_pending_aggregate_idx", "aggregate", "seq", postgresql_where=PENDING),
        Index("outbox_published_at_idx", "published_at", postgresql_where=text("published_at IS NOT NULL")),
    )


def _inbox(metadata: MetaData) -> Table:
    return Table(
        "inbox",
        metadata,
        Column("event_id", Uuid, nullable=False),
        Column("consumer", Text, nullable=False),
        _instant("handled_at", nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("event_id", "consumer"),
        Index("inbox_handled_at_idx", "handled_at"),
    )


def _idempotency(metadata: MetaData) -> Table:
    return Table(
        "idempotency",
        metadata,
        Column("scope", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("method", Text, nullable=False),
        Column("request_hash", LargeBinary, nullable=False),
        Column("intention", Uuid, nullable=False),
        Column("state", Text, nullable=False),
        Column("answer", LargeBinary),
        Column("attempts", Integer, nullable=False, server_default="1"),
        _instant("locked_until", nullable=False),
        _instant("created_at", nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("scope", "key"),
        Index("idempotency_created_at_idx", "created_at"),
    )


# The chassis' own handle on the three; a service's metadata holds equal tables for its migrations.
_own = chassis_metadata()
outbox: Table = _own.tables["outbox"]
inbox: Table = _own.tables["inbox"]
idempotency: Table = _own.tables["idempotency"]
