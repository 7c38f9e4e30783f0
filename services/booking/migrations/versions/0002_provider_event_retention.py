"""Finds the provider events that had their effect long ago."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX provider_event_applied_at_idx ON provider_event (applied_at) WHERE problem = ''")
