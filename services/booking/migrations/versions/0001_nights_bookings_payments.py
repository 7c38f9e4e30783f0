"""Nights, bookings, payments and the ledger."""

from alembic import op

from services.chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    "CREATE SEQUENCE night_change",
    """
    CREATE TABLE night (
        property_id uuid NOT NULL,
        night date NOT NULL,
        kind text NOT NULL CONSTRAINT night_kind_check CHECK (kind IN ('HOLD', 'BOOKING', 'BLOCK', 'IMPORT')),
        booking_id uuid,
        block_id uuid,
        CONSTRAINT night_pkey PRIMARY KEY (property_id, night),
        CONSTRAINT night_holder_check CHECK (
            CASE WHEN kind IN ('HOLD', 'BOOKING') THEN booking_id IS NOT NULL AND block_id IS NULL
                 ELSE block_id IS NOT NULL AND booking_id IS NULL END
        )
    )
    """,
    """
    CREATE TABLE block (
        property_id uuid NOT NULL,
        block_id uuid NOT NULL,
        note text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT block_pkey PRIMARY KEY (property_id, block_id)
    )
    """,
    """
    CREATE TABLE booking (
        booking_id uuid NOT NULL CONSTRAINT booking_pkey PRIMARY KEY,
        client_id uuid NOT NULL,
        host_id uuid NOT NULL,
        property_id uuid NOT NULL,
        property_title text NOT NULL,
        state text NOT NULL CONSTRAINT booking_state_check CHECK (
            state IN ('REQUESTED', 'HELD', 'CONFIRMED', 'CANCELLED', 'EXPIRED', 'DECLINED', 'COMPLETED')
        ),
        version bigint NOT NULL,
        check_in date NOT NULL,
        check_out date NOT NULL,
        time_zone text NOT NULL,
        check_in_time time NOT NULL,
        check_out_time time NOT NULL,
        ends_at timestamptz NOT NULL,
        guest_count integer NOT NULL CONSTRAINT booking_guest_count_check CHECK (guest_count > 0),
        currency text NOT NULL,
        nights_minor bigint[] NOT NULL,
        cleaning_minor bigint NOT NULL,
        service_minor bigint NOT NULL,
        policy text NOT NULL,
        policy_version integer NOT NULL,
        quote_id uuid NOT NULL,
        terms_version bigint NOT NULL,
        message text NOT NULL,
        payment_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        hold_expires_at timestamptz NOT NULL,
        confirmed_at timestamptz,
        cancelled_at timestamptz,
        cancelled_by text,
        cancel_reason text,
        refund_minor bigint,
        kept_host_minor bigint,
        kept_platform_minor bigint,
        CONSTRAINT booking_stay_check CHECK (check_out > check_in),
        CONSTRAINT booking_cancellation_check CHECK ((state = 'CANCELLED') = (cancelled_at IS NOT NULL))
    )
    """,
    "CREATE INDEX booking_client_id_booking_id_idx ON booking (client_id, booking_id)",
    "CREATE INDEX booking_host_id_booking_id_idx ON booking (host_id, booking_id)",
    "CREATE INDEX booking_held_idx ON booking (hold_expires_at) WHERE state = 'HELD'",
    "CREATE INDEX booking_holds_of_client_idx ON booking (client_id) WHERE state = 'HELD'",
    "CREATE INDEX booking_confirmed_idx ON booking (ends_at) WHERE state = 'CONFIRMED'",
    """
    CREATE TABLE payment (
        payment_id uuid NOT NULL CONSTRAINT payment_pkey PRIMARY KEY,
        booking_id uuid NOT NULL CONSTRAINT payment_booking_id_fkey REFERENCES booking,
        state text NOT NULL CONSTRAINT payment_state_check CHECK (state IN ('PENDING', 'VOIDING', 'VOID', 'SUCCEEDED')),
        version bigint NOT NULL,
        currency text NOT NULL,
        amount_minor bigint NOT NULL CONSTRAINT payment_amount_minor_check CHECK (amount_minor > 0),
        refunding_minor bigint NOT NULL,
        refunded_minor bigint NOT NULL,
        intent_id text CONSTRAINT payment_intent_id_key UNIQUE,
        client_secret bytea,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT payment_refunds_check CHECK (
            0 <= refunded_minor AND refunded_minor <= refunding_minor AND refunding_minor <= amount_minor
        )
    )
    """,
    "CREATE INDEX payment_booking_id_idx ON payment (booking_id)",
    "CREATE INDEX payment_voiding_idx ON payment (next_attempt_at) WHERE state = 'VOIDING'",
    """
    CREATE TABLE refund (
        refund_id uuid NOT NULL CONSTRAINT refund_pkey PRIMARY KEY,
        payment_id uuid NOT NULL CONSTRAINT refund_payment_id_fkey REFERENCES payment,
        booking_id uuid NOT NULL CONSTRAINT refund_booking_id_fkey REFERENCES booking,
        state text NOT NULL CONSTRAINT refund_state_check CHECK (state IN ('PENDING', 'SENT', 'SUCCEEDED', 'FAILED')),
        reason text NOT NULL,
        currency text NOT NULL,
        amount_minor bigint NOT NULL CONSTRAINT refund_amount_minor_check CHECK (amount_minor > 0),
        provider_refund_id text CONSTRAINT refund_provider_refund_id_key UNIQUE,
        attempts integer NOT NULL DEFAULT 0,
        next_attempt_at timestamptz NOT NULL DEFAULT now(),
        problem text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX refund_payment_id_idx ON refund (payment_id)",
    "CREATE INDEX refund_pending_idx ON refund (next_attempt_at) WHERE state = 'PENDING'",
    """
    CREATE TABLE provider_event (
        event_id text NOT NULL CONSTRAINT provider_event_pkey PRIMARY KEY,
        type text NOT NULL,
        kind text NOT NULL,
        payment_id uuid,
        refund_id uuid,
        intent_id text NOT NULL,
        amount_minor bigint,
        currency text,
        received_at timestamptz NOT NULL DEFAULT now(),
        applied_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        problem text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX provider_event_pending_idx ON provider_event (received_at) WHERE applied_at IS NULL",
    """
    CREATE TABLE ledger_entry (
        source text NOT NULL,
        source_id uuid NOT NULL,
        line smallint NOT NULL,
        booking_id uuid NOT NULL CONSTRAINT ledger_entry_booking_id_fkey REFERENCES booking,
        account text NOT NULL CONSTRAINT ledger_entry_account_check CHECK (
            account IN ('CLIENT', 'ESCROW', 'HOST', 'PLATFORM')
        ),
        owner_id uuid,
        amount_minor bigint NOT NULL CONSTRAINT ledger_entry_amount_minor_check CHECK (amount_minor <> 0),
        currency text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT ledger_entry_pkey PRIMARY KEY (source, source_id, line)
    )
    """,
    "CREATE INDEX ledger_entry_booking_id_idx ON ledger_entry (booking_id)",
    "CREATE INDEX ledger_entry_owner_id_idx ON ledger_entry (owner_id, account) WHERE owner_id IS NOT NULL",
    # Money that moved has moved: a mistake is put right by another transfer.
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    # The proof is at the commit: whatever code wrote the entries, a transfer that does not sum to zero never exists.
    """
    CREATE FUNCTION require_zero_sum() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM ledger_entry
            WHERE source = NEW.source AND source_id = NEW.source_id
            GROUP BY currency HAVING sum(amount_minor) <> 0
        ) THEN
            RAISE EXCEPTION 'transfer % % does not sum to zero', NEW.source, NEW.source_id
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER ledger_entry_zero_sum AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_zero_sum()
    """,
)


def upgrade() -> None:
    create_chassis_tables(op)
    for statement in STATEMENTS:
        op.execute(statement)
