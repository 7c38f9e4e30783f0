"""Notifications, deliveries, preferences, devices."""

from alembic import op

from services.chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE notification (
        notification_id uuid CONSTRAINT notification_pkey PRIMARY KEY,
        user_id uuid NOT NULL,
        event_id uuid NOT NULL,
        kind text NOT NULL,
        "values" jsonb NOT NULL,
        booking_id uuid,
        property_id uuid,
        created_at timestamptz NOT NULL,
        read_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX notification_event_id_user_id_kind_key ON notification (event_id, user_id, kind)",
    "CREATE INDEX notification_user_id_notification_id_idx ON notification (user_id, notification_id)",
    "CREATE INDEX notification_unread_idx ON notification (user_id, notification_id) WHERE read_at IS NULL",
    """
    CREATE TABLE delivery (
        delivery_id uuid CONSTRAINT delivery_pkey PRIMARY KEY,
        notification_id uuid NOT NULL CONSTRAINT delivery_notification_id_fkey
            REFERENCES notification (notification_id) ON DELETE CASCADE,
        channel text NOT NULL,
        state text NOT NULL,
        failure text,
        attempt_count integer NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        provider_message_id text NOT NULL DEFAULT '',
        traceparent text NOT NULL DEFAULT ''
    )
    """,
    "CREATE UNIQUE INDEX delivery_notification_id_channel_key ON delivery (notification_id, channel)",
    "CREATE INDEX delivery_due_idx ON delivery (due_at) WHERE state IN ('QUEUED', 'SENDING')",
    """
    CREATE TABLE preferences (
        user_id uuid CONSTRAINT preferences_pkey PRIMARY KEY,
        switches jsonb NOT NULL,
        version bigint NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE device (
        device_id uuid CONSTRAINT device_pkey PRIMARY KEY,
        user_id uuid NOT NULL,
        platform text NOT NULL,
        token bytea NOT NULL,
        token_index bytea NOT NULL CONSTRAINT device_token_index_key UNIQUE,
        display_name text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX device_user_id_device_id_idx ON device (user_id, device_id)",
)


def upgrade() -> None:
    create_chassis_tables(op)
    for statement in TABLES:
        op.execute(statement)
