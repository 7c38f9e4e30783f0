"""Keeps the trace that a provider event came in."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE provider_event ADD COLUMN traceparent text NOT NULL DEFAULT ''")
