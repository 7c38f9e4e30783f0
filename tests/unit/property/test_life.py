"""The life of a property: its states, its terms, and the events that tell of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.property.domain import events
from services.property.domain import property as life
from services.property.domain.errors import (
    PropertyIncomplete,
    PropertyMustStayComplete,
    PropertyStateInvalid,
    TimeZoneUnknown,
)
from services.property.domain.geo import Point
from services.property.domain.listing import quality
from services.property.domain.money import Money
from services.property.domain.property import STEPS, Edits, Property, State
from services.property.domain.rates import Rates
from services.property.domain.veil import Veil

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
VEIL = Veil(b"k" * 32)
DOOR = Point(36.7538, 3.0588)
RATES = Rates(Money("DZD", 500_000))
FULL = Edits(
    {"title": " Studio à Alger ", "description": "Calme.", "max_guests": 2, "amenities": (4, 1, 4)},
    {"city": "Alger", "country_code": "DZ", "point": DOOR},
)


def draft(edits: Edits = FULL, rates: Rates | None = RATES) -> Property:
    return life.begin(UUID(int=7), UUID(int=8), edits, rates, VEIL, NOW).property


def published() -> Property:
    return life.publish(draft(), NOW).property


def test_a_draft_is_tidied_and_tells_of_itself() -> None:
    begun = life.begin(UUID(int=7), UUID(int=8), FULL, RATES, VEIL, NOW)
    assert [type(event) for event in begun.events] == [events.PropertyCreated]
    assert begun.property.details.title == "Studio à Alger"
    assert begun.property.details.amenities == (1, 4)
    assert (begun.property.version, begun.property.state) == (1, State.DRAFT)


def test_publishing_names_all_that_is_missing() -> None:
    with pytest.raises(PropertyIncomplete) as refused:
        life.publish(draft(Edits(), None), NOW)
    assert refused.value.metadata["missing"] == (
        "title, description, location.city, location.country_code, location.point, rates.nightly_price, max_guests"
    )


def test_publishing_again_changes_nothing() -> None:
    first = life.publish(draft(), NOW)
    assert [type(event) for event in first.events] == [events.PropertyPublished]
    assert first.property.published_at == NOW
    assert life.publish(first.property, LATER) == life.Changed(first.property)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", ["publish", "unpublish", "delete"])
def test_every_step_is_either_listed_or_refused(state: State, verb: str) -> None:
    current = replace(draft(), state=state)
    step = getattr(life, verb)
    if (state, verb) in STEPS:
        assert step(current, LATER).property.state is STEPS[state, verb]
    else:
        with pytest.raises(PropertyStateInvalid) as refused:
            step(current, LATER)
        assert refused.value.metadata == {"state": state.value, "action": verb}


def test_nothing_leads_out_of_deleted() -> None:
    assert {after for (before, _), after in STEPS.items() if before is State.DELETED} == {State.DELETED}


def test_an_edit_is_one_version_and_one_event_and_the_same_again_is_none() -> None:
    edits = Edits({"description": "Très calme."})
    changed = life.edit(published(), edits, VEIL, LATER)
    assert (changed.property.version, changed.property.updated_at) == (3, LATER)
    assert [type(event) for event in changed.events] == [events.PropertyUpdated]
    assert life.edit(changed.property, edits, VEIL, LATER).events == ()


def test_a_published_property_stays_complete_but_a_draft_may_lose_what_it_had() -> None:
    emptied = Edits({"title": ""}, {"point": None})
    with pytest.raises(PropertyMustStayComplete) as refused:
        life.edit(published(), emptied, VEIL, LATER)
    assert refused.value.metadata["missing"] == "title, location.point"
    assert life.edit(draft(), emptied, VEIL, LATER).property.area_point is None


def test_terms_change_with_what_a_booking_is_made_by_and_with_nothing_else() -> None:
    before = published()

    def terms(edits: Edits) -> int:
        return life.edit(before, edits, VEIL, LATER).property.terms_version

    assert terms(Edits({"description": "…", "bed_count": 3}, {"city": "Oran"})) == before.terms_version
    assert terms(Edits({"max_guests": 3})) == before.terms_version + 1
    dearer = life.reprice(before, Rates(Money("DZD", 600_000)), LATER).property
    assert dearer.terms_version == before.terms_version + 1
    assert dearer.rates is not None and dearer.rates.version == 2
    assert life.reprice(before, RATES, LATER).events == ()


def test_the_public_point_moves_only_with_the_door() -> None:
    before = published()
    assert before.area_point is not None and before.area_point != DOOR
    renamed = life.edit(before, Edits({"title": "Autre"}, {"street_address": "3, rue X"}), Veil(b"j" * 32), LATER)
    assert renamed.property.area_point == before.area_point
    moved = life.edit(before, Edits(location={"point": Point(35.7, -0.6)}), VEIL, LATER).property
    assert moved.area_point is not None and moved.area_point.distance(Point(35.7, -0.6)) <= 1000


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Africa"])
def test_time_zones_are_those_of_the_iana_database(zone: str) -> None:
    with pytest.raises(TimeZoneUnknown):
        draft(Edits({"time_zone": zone}))


def test_the_time_zone_is_the_home_markets_unless_given() -> None:
    assert draft(Edits({"time_zone": ""})).details.time_zone == "Africa/Algiers"
    assert draft(Edits({"time_zone": "Asia/Singapore"})).details.time_zone == "Asia/Singapore"


def test_a_fuller_listing_is_a_better_one() -> None:
    thin = draft()
    full = life.edit(
        thin,
        Edits({"description": "x" * 500, "amenities": tuple(range(1, 13)), "bedroom_count": 1, "kind": 1}),
        VEIL,
        LATER,
    ).property
    assert 0 <= quality(thin.details, thin.location) < quality(full.details, full.location) <= 100
