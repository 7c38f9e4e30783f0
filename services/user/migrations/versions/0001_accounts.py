"""Accounts, sessions, API keys, e-mail verifications and the points ledger."""

from alembic import op

from services.chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE account (
        user_id uuid CONSTRAINT account_pkey PRIMARY KEY,
        email_sealed bytea NOT NULL,
        email_index bytea NOT NULL,
        email_verified_at timestamptz,
        phone_sealed bytea,
        password_hash text NOT NULL,
        display_name text NOT NULL DEFAULT '',
        given_name text NOT NULL DEFAULT '',
        family_name text NOT NULL DEFAULT '',
        about text NOT NULL DEFAULT '',
        locale text NOT NULL,
        time_zone text NOT NULL,
        roles text[] NOT NULL,
        state text NOT NULL,
        totp_sealed bytea,
        totp_confirmed_at timestamptz,
        totp_last_step bigint NOT NULL DEFAULT 0,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        erased_at timestamptz
    )
    """,
    "CREATE UNIQUE INDEX account_verified_email_key ON account (email_index) "
    "WHERE email_verified_at IS NOT NULL AND deleted_at IS NULL",
    "CREATE INDEX account_deleted_at_idx ON account (deleted_at) WHERE deleted_at IS NOT NULL AND erased_at IS NULL",
    """
    CREATE TABLE session (
        session_id uuid CONSTRAINT session_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT session_user_id_fkey REFERENCES account,
        device_name text NOT NULL DEFAULT '',
        address_sealed bytea NOT NULL,
        address_index bytea NOT NULL,
        generation integer NOT NULL,
        created_at timestamptz NOT NULL,
        refreshed_at timestamptz NOT NULL,
        ended_at timestamptz,
        end_cause text
    )
    """,
    "CREATE INDEX session_user_id_session_id_idx ON session (user_id, session_id)",
    """
    CREATE TABLE refresh_token (
        token_digest bytea CONSTRAINT refresh_token_pkey PRIMARY KEY,
        session_id uuid NOT NULL CONSTRAINT refresh_token_session_id_fkey REFERENCES session ON DELETE CASCADE,
        generation integer NOT NULL
    )
    """,
    "CREATE INDEX refresh_token_session_id_idx ON refresh_token (session_id)",
    """
    CREATE TABLE guard (
        subject bytea CONSTRAINT guard_pkey PRIMARY KEY,
        failures integer NOT NULL,
        blocked_until timestamptz,
        attempted_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE recovery_code (
        user_id uuid NOT NULL CONSTRAINT recovery_code_user_id_fkey REFERENCES account,
        code_digest bytea NOT NULL,
        CONSTRAINT recovery_code_pkey PRIMARY KEY (user_id, code_digest)
    )
    """,
    """
    CREATE TABLE verification (
        verification_id uuid CONSTRAINT verification_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT verification_user_id_fkey REFERENCES account,
        purpose text NOT NULL,
        email_sealed bytea NOT NULL,
        email_index bytea NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    "CREATE INDEX verification_email_index_created_at_idx ON verification (email_index, created_at)",
    "CREATE INDEX verification_user_id_idx ON verification (user_id)",
    """
    CREATE TABLE email_token (
        token_digest bytea CONSTRAINT email_token_pkey PRIMARY KEY,
        verification_id uuid NOT NULL
            CONSTRAINT email_token_verification_id_fkey REFERENCES verification ON DELETE CASCADE,
        created_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX email_token_verification_id_idx ON email_token (verification_id)",
    """
    CREATE TABLE api_key (
        api_key_id uuid CONSTRAINT api_key_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT api_key_user_id_fkey REFERENCES account,
        display_name text NOT NULL DEFAULT '',
        scopes text[] NOT NULL,
        secret_digest bytea NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        used_at timestamptz,
        revoked_at timestamptz
    )
    """,
    "CREATE INDEX api_key_user_id_api_key_id_idx ON api_key (user_id, api_key_id)",
)

LEDGER = (
    """
    CREATE TABLE point_transfer (
        transfer_id uuid CONSTRAINT point_transfer_pkey PRIMARY KEY,
        cause text NOT NULL,
        source_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT point_transfer_cause_source_id_key UNIQUE (cause, source_id)
    )
    """,
    """
    CREATE TABLE point_entry (
        entry_id uuid CONSTRAINT point_entry_pkey PRIMARY KEY,
        transfer_id uuid NOT NULL CONSTRAINT point_entry_transfer_id_fkey REFERENCES point_transfer,
        user_id uuid CONSTRAINT point_entry_user_id_fkey REFERENCES account,
        amount bigint NOT NULL CONSTRAINT point_entry_amount_check CHECK (amount <> 0),
        sequence bigint,
        balance_after bigint CONSTRAINT point_entry_balance_check CHECK (balance_after >= 0),
        created_at timestamptz NOT NULL,
        CONSTRAINT point_entry_side_check
            CHECK ((user_id IS NULL) = (sequence IS NULL) AND (user_id IS NULL) = (balance_after IS NULL)),
        CONSTRAINT point_entry_user_id_sequence_key UNIQUE (user_id, sequence)
    )
    """,
    "CREATE INDEX point_entry_transfer_id_idx ON point_entry (transfer_id)",
    # A ledger that can be rewritten proves nothing.
    """
    CREATE FUNCTION refuse_rewriting_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the points ledger is append-only';
    END $$
    """,
    "CREATE TRIGGER point_transfer_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON point_transfer "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_ledger()",
    "CREATE TRIGGER point_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON point_entry "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting_ledger()",
    # Points come from somewhere and go somewhere; looked at when the transaction commits, with both sides written.
    """
    CREATE FUNCTION require_balanced_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT sum(amount) FROM point_entry WHERE transfer_id = NEW.transfer_id) <> 0 THEN
            RAISE EXCEPTION 'transfer % does not balance', NEW.transfer_id;
        END IF;
        RETURN NULL;
    END $$
    """,
    "CREATE CONSTRAINT TRIGGER point_entry_balanced AFTER INSERT ON point_entry DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION require_balanced_transfer()",
)


def upgrade() -> None:
    create_chassis_tables(op)
    for statement in (*TABLES, *LEDGER):
        op.execute(statement)
