"""The property database.

`property` and `rates` are the truth. `listing` is the search document: the public face of each published property, flat,
so that a search joins nothing. It is written in the transaction that changes the property, and not from events, because
it lives in the same database: a host sees the own change in the very next search, and there is no lag to explain.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR

from services.chassis.tables import chassis_metadata

metadata = chassis_metadata()

property_table = Table(
    "property",
    metadata,
    Column("property_id", Uuid, primary_key=True),
    Column("host_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("other_names", ARRAY(Text), nullable=False),
    # Street, postal code and exact point, encrypted: a copy of the database tells nobody where the doors are.
    Column("location_sealed", LargeBinary, nullable=False),
    Column("area_latitude", Double),
    Column("area_longitude", Double),
    Column("max_guests", SmallInteger, nullable=False),
    Column("bedroom_count", SmallInteger, nullable=False),
    Column("bed_count", SmallInteger, nullable=False),
    Column("bathroom_count", SmallInteger, nullable=False),
    Column("amenities", ARRAY(SmallInteger), nullable=False),
    Column("cancellation_policy", SmallInteger, nullable=False),
    Column("instant_book", Boolean, nullable=False),
    Column("check_in_time", Time, nullable=False),
    Column("check_out_time", Time, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("rates_version", Integer),
    Column("version", BigInteger, nullable=False),
    Column("terms_version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Index("property_host_idx", "host_id", text("property_id DESC")),
)

# Append only: a quote made by an old version can be explained for ever.
rates_table = Table(
    "rates",
    metadata,
    Column("property_id", Uuid, ForeignKey("property.property_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("nightly_minor", BigInteger, nullable=False),
    Column("weekend_minor", BigInteger),
    Column("cleaning_minor", BigInteger),
    Column("min_nights", SmallInteger, nullable=False),
    Column("max_nights", SmallInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("property_id", "version"),
)

listing_table = Table(
    "listing",
    metadata,
    Column("property_id", Uuid, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("other_names", ARRAY(Text), nullable=False),
    # The veiled point; the exact one is not in this table.
    Column("latitude", Double, nullable=False),
    Column("longitude", Double, nullable=False),
    # Its place on the Z-order curve: a box is a few ranges of it, and its statistics tell the planner how many listings
    # a box holds, which those of a GiST index on a point do not.
    Column("cell", BigInteger, nullable=False),
    # The same point on the unit sphere: three products tell the distance, where a haversine takes six sines.
    Column("x", Double, nullable=False),
    Column("y", Double, nullable=False),
    Column("z", Double, nullable=False),
    Column("max_guests", SmallInteger, nullable=False),
    Column("bedroom_count", SmallInteger, nullable=False),
    Column("bed_count", SmallInteger, nullable=False),
    Column("bathroom_count", SmallInteger, nullable=False),
    Column("amenities", ARRAY(SmallInteger), nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("nightly_minor", BigInteger, nullable=False),
    Column("weekend_minor", BigInteger),
    Column("cleaning_minor", BigInteger),
    Column("min_nights", SmallInteger, nullable=False),
    Column("max_nights", SmallInteger, nullable=False),
    Column("instant_book", Boolean, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    # Title (A) and place names (B), each as simple, French, Arabic and English words. Apart from `words`, which also has
    # the description (C), since those are long, are kept out of line, and cost far more to test row by row.
    Column("headline", TSVECTOR, nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("listing_words_idx", "words", postgresql_using="gin"),
    Index("listing_headline_idx", "headline", postgresql_using="gin"),
    Index("listing_title_idx", text("ts_filter(headline, '{a}')"), postgresql_using="gin"),
    Index("listing_amenities_idx", "amenities", postgresql_using="gin"),
    Index("listing_point_idx", text("point(longitude, latitude)"), postgresql_using="gist"),
    Index("listing_cell_idx", "cell"),
    Index("listing_quality_idx", "quality", "property_id"),
    Index("listing_price_idx", "currency_code", "nightly_minor", "property_id"),
    Index("listing_newest_idx", "published_at", "property_id"),
)

# A night keeps its row when it is free again, so that an older event that comes late does not take it back.
taken_night_table = Table(
    "taken_night",
    metadata,
    Column("property_id", Uuid, nullable=False),
    Column("night", Date, nullable=False),
    Column("taken", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("property_id", "night"),
    Index("taken_night_night_idx", "night"),
)
