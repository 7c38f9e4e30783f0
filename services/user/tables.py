"""The tables of the user service. Columns that end in `_sealed` are encrypted, `_index` are keyed digests to find them by."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from services.chassis.tables import chassis_metadata

metadata = chassis_metadata()


def _id(name: str) -> Column[object]:
    return Column(name, Uuid, primary_key=True)


def _user() -> Column[object]:
    return Column("user_id", ForeignKey("account.user_id"), nullable=False)


def _time(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False, server_default="")


account = Table(
    "account",
    metadata,
    _id("user_id"),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("email_index", LargeBinary, nullable=False),
    _time("email_verified_at", nullable=True),
    Column("phone_sealed", LargeBinary),
    Column("password_hash", Text, nullable=False),
    _text("display_name"),
    _text("given_name"),
    _text("family_name"),
    _text("about"),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("roles", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("totp_sealed", LargeBinary),
    _time("totp_confirmed_at", nullable=True),
    Column("totp_last_step", BigInteger, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False),
    _time("created_at"),
    _time("updated_at"),
    _time("deleted_at", nullable=True),
    _time("erased_at", nullable=True),
    # One account at most is known to be an address's owner's; unverified ones may share it.
    Index(
        "account_verified_email_key",
        "email_index",
        unique=True,
        postgresql_where=text("email_verified_at IS NOT NULL AND deleted_at IS NULL"),
    ),
    Index(
        "account_deleted_at_idx", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL AND erased_at IS NULL")
    ),
)

session = Table(
    "session",
    metadata,
    _id("session_id"),
    _user(),
    _text("device_name"),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("address_index", LargeBinary, nullable=False),
    Column("generation", Integer, nullable=False),
    _time("created_at"),
    _time("refreshed_at"),
    _time("ended_at", nullable=True),
    Column("end_cause", Text),
    Index("session_user_id_session_id_idx", "user_id", "session_id"),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("session_id", ForeignKey("session.session_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("generation", Integer, nullable=False),
)

guard = Table(
    "guard",
    metadata,
    Column("subject", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    _time("blocked_until", nullable=True),
    _time("attempted_at"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("user_id", ForeignKey("account.user_id"), primary_key=True),
    Column("code_digest", LargeBinary, primary_key=True),
)

verification = Table(
    "verification",
    metadata,
    _id("verification_id"),
    _user(),
    Column("purpose", Text, nullable=False),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("email_index", LargeBinary, nullable=False),
    _time("created_at"),
    _time("expires_at"),
    _time("used_at", nullable=True),
    Index("verification_email_index_created_at_idx", "email_index", "created_at"),
    Index("verification_user_id_idx", "user_id"),
)

email_token = Table(
    "email_token",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column(
        "verification_id", ForeignKey("verification.verification_id", ondelete="CASCADE"), nullable=False, index=True
    ),
    _time("created_at"),
)

api_key = Table(
    "api_key",
    metadata,
    _id("api_key_id"),
    _user(),
    _text("display_name"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("secret_digest", LargeBinary, nullable=False),
    _time("created_at"),
    _time("expires_at", nullable=True),
    _time("used_at", nullable=True),
    _time("revoked_at", nullable=True),
    Index("api_key_user_id_api_key_id_idx", "user_id", "api_key_id"),
)

point_transfer = Table(
    "point_transfer",
    metadata,
    _id("transfer_id"),
    Column("cause", Text, nullable=False),
    Column("source_id", Uuid, nullable=False),
    _time("created_at"),
    # What moved points once never moves them again.
    UniqueConstraint("cause", "source_id"),
)

point_entry = Table(
    "point_entry",
    metadata,
    _id("entry_id"),
    Column("transfer_id", ForeignKey("point_transfer.transfer_id"), nullable=False, index=True),
    # The house's side of a transfer has no user, no sequence and no bound: it issues the points.
    Column("user_id", ForeignKey("account.user_id")),
    Column("amount", BigInteger, nullable=False),
    Column("sequence", BigInteger),
    Column("balance_after", BigInteger),
    _time("created_at"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint("balance_after >= 0", name="balance"),
    CheckConstraint(
        "(user_id IS NULL) = (sequence IS NULL) AND (user_id IS NULL) = (balance_after IS NULL)", name="side"
    ),
    # Two writers that both saw the same end of a ledger cannot both add to it.
    UniqueConstraint("user_id", "sequence"),
)
