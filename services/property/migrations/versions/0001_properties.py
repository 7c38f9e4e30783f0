"""Properties, their rates, the search document and the taken nights."""

from __future__ import annotations

from alembic import op

from services.chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE property (
        property_id uuid CONSTRAINT property_pkey PRIMARY KEY,
        host_id uuid NOT NULL,
        state text NOT NULL,
        kind smallint NOT NULL,
        title text NOT NULL,
        description text NOT NULL,
        city text NOT NULL,
        region text NOT NULL,
        country_code text NOT NULL,
        other_names text[] NOT NULL,
        location_sealed bytea NOT NULL,
        area_latitude double precision,
        area_longitude double precision,
        max_guests smallint NOT NULL,
        bedroom_count smallint NOT NULL,
        bed_count smallint NOT NULL,
        bathroom_count smallint NOT NULL,
        amenities smallint[] NOT NULL,
        cancellation_policy smallint NOT NULL,
        instant_book boolean NOT NULL,
        check_in_time time NOT NULL,
        check_out_time time NOT NULL,
        time_zone text NOT NULL,
        rates_version integer,
        version bigint NOT NULL,
        terms_version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        published_at timestamptz
    )
    """,
    "CREATE INDEX property_host_idx ON property (host_id, property_id DESC)",
    """
    CREATE TABLE rates (
        property_id uuid NOT NULL CONSTRAINT rates_property_id_fkey REFERENCES property,
        version integer NOT NULL,
        currency_code text NOT NULL,
        nightly_minor bigint NOT NULL,
        weekend_minor bigint,
        cleaning_minor bigint,
        min_nights smallint NOT NULL,
        max_nights smallint NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT rates_pkey PRIMARY KEY (property_id, version)
    )
    """,
    """
    CREATE TABLE listing (
        property_id uuid CONSTRAINT listing_pkey PRIMARY KEY,
        kind smallint NOT NULL,
        title text NOT NULL,
        city text NOT NULL,
        region text NOT NULL,
        country_code text NOT NULL,
        other_names text[] NOT NULL,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        cell bigint NOT NULL,
        x double precision NOT NULL,
        y double precision NOT NULL,
        z double precision NOT NULL,
        max_guests smallint NOT NULL,
        bedroom_count smallint NOT NULL,
        bed_count smallint NOT NULL,
        bathroom_count smallint NOT NULL,
        amenities smallint[] NOT NULL,
        currency_code text NOT NULL,
        nightly_minor bigint NOT NULL,
        weekend_minor bigint,
        cleaning_minor bigint,
        min_nights smallint NOT NULL,
        max_nights smallint NOT NULL,
        instant_book boolean NOT NULL,
        quality smallint NOT NULL,
        published_at timestamptz NOT NULL,
        headline tsvector NOT NULL,
        words tsvector NOT NULL
    )
    """,
    # The planner chooses between "walk in order and test" and "fetch all and sort" by these: a map is unevenly full.
    "ALTER TABLE listing ALTER COLUMN cell SET STATISTICS 1000",
    "CREATE INDEX listing_words_idx ON listing USING gin (words)",
    "CREATE INDEX listing_headline_idx ON listing USING gin (headline)",
    "CREATE INDEX listing_title_idx ON listing USING gin (ts_filter(headline, '{a}'))",
    "CREATE INDEX listing_amenities_idx ON listing USING gin (amenities)",
    "CREATE INDEX listing_point_idx ON listing USING gist (point(longitude, latitude))",
    "CREATE INDEX listing_cell_idx ON listing (cell)",
    "CREATE INDEX listing_quality_idx ON listing (quality, property_id)",
    "CREATE INDEX listing_price_idx ON listing (currency_code, nightly_minor, property_id)",
    "CREATE INDEX listing_newest_idx ON listing (published_at, property_id)",
    """
    CREATE TABLE taken_night (
        property_id uuid NOT NULL,
        night date NOT NULL,
        taken boolean NOT NULL,
        version bigint NOT NULL,
        CONSTRAINT taken_night_pkey PRIMARY KEY (property_id, night)
    )
    """,
    "CREATE INDEX taken_night_night_idx ON taken_night (night)",
)


def upgrade() -> None:
    create_chassis_tables(op)
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for table in ("taken_night", "listing", "rates", "property", "idempotency", "inbox", "outbox"):
        op.execute(f"DROP TABLE {table}")
