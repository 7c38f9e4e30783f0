"""A host's property from the first draft to its end, over gRPC."""

import asyncio

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import money_pb2, timeofday_pb2

from kerya.property.v1 import property_pb2
from kerya.property.v1 import property_service_pb2 as pb
from tests.integration.property.stand import Refused, Stand, listing, money, uuid_of

State = property_pb2.Property.State


def update(property_id: str, *paths: str, etag: str = "", **fields: object) -> pb.UpdatePropertyRequest:
    return pb.UpdatePropertyRequest(
        property=property_pb2.Property(property_id=property_id, etag=etag, **fields),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=paths),
    )


async def refused(stand: Stand, *call: object, **more: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await stand.call(*call, **more)  # type: ignore[arg-type]
    return caught.value


async def test_a_property_is_drafted_published_and_seen_by_everybody(stand: Stand) -> None:
    host = stand.person()
    draft = await stand.create(host, title="Vue sur mer", amenities=[4, 1], min_nights=2)
    assert (draft.state, draft.host_id, draft.time_zone) == (State.DRAFT, host.user_id, "Africa/Algiers")
    assert (list(draft.amenities), draft.rates.version, draft.rates.max_nights) == ([1, 4], 1, 365)
    assert (draft.check_in_time, draft.check_out_time) == (
        timeofday_pb2.TimeOfDay(hours=15),
        timeofday_pb2.TimeOfDay(hours=11),
    )
    published = await stand.call("PublishProperty", pb.PublishPropertyRequest(property_id=draft.property_id), host)
    assert published.state == State.PUBLISHED and published.etag != draft.etag
    seen = await stand.get(draft.property_id)
    assert (seen.title, seen.rates.nightly_price) == ("Vue sur mer", money(5000))
    assert await stand.events(draft.property_id) == ["property.created", "property.published"]


async def test_a_draft_is_its_hosts_alone(stand: Stand) -> None:
    host = stand.person()
    draft = await stand.create(host)
    assert (await stand.get(draft.property_id, host)).location.street_address == "12 rue Didouche Mourad"
    for stranger in (None, stand.person(), stand.person("ADMIN")):
        with pytest.raises(Refused) as hidden:
            await stand.get(draft.property_id, stranger)
        assert (hidden.value.code, hidden.value.reason) == ("NOT_FOUND", "PROPERTY_NOT_FOUND")
        assert hidden.value.metadata == {"property_id": draft.property_id}


async def test_publishing_needs_a_complete_property(stand: Stand) -> None:
    host = stand.person()
    empty = await stand.call("CreateProperty", pb.CreatePropertyRequest(property=property_pb2.Property()), host)
    answer = await refused(stand, "PublishProperty", pb.PublishPropertyRequest(property_id=empty.property_id), host)
    assert (answer.code, answer.reason) == ("FAILED_PRECONDITION", "PROPERTY_INCOMPLETE")
    assert answer.metadata["property_id"] == empty.property_id
    assert "location.point" in answer.metadata["missing"] and "rates.nightly_price" in answer.metadata["missing"]


async def test_another_hosts_property_is_not_found_whatever_one_tries(stand: Stand) -> None:
    owner, other = stand.person(), stand.person()
    mine = (await stand.publish(owner)).property_id
    tries = (
        ("UpdateProperty", update(mine, "title", title="Mine now")),
        ("UpdateProperty", update(mine, "title", title="Mine now", etag='"wrong"')),
        ("PublishProperty", pb.PublishPropertyRequest(property_id=mine)),
        ("UnpublishProperty", pb.UnpublishPropertyRequest(property_id=mine)),
        ("DeleteProperty", pb.DeletePropertyRequest(property_id=mine)),
        ("ReplaceRates", pb.ReplaceRatesRequest(property_id=mine, rates=property_pb2.Rates(nightly_price=money(1)))),
    )
    before = await stand.get(mine, owner)
    for name, request in tries:
        answer = await refused(stand, name, request, other)
        assert (answer.code, answer.reason) == ("NOT_FOUND", "PROPERTY_NOT_FOUND"), name
    assert await stand.get(mine, owner) == before


async def test_only_hosts_write_and_only_bookings_ask_for_terms(stand: Stand) -> None:
    client, host = stand.person("CLIENT"), stand.person()
    mine = (await stand.publish(host)).property_id
    create = pb.CreatePropertyRequest(property=listing())
    assert (await refused(stand, "CreateProperty", create, client)).reason == "ACCESS_DENIED"
    assert (await refused(stand, "CreateProperty", create)).reason == "TOKEN_MISSING"
    terms = pb.GetBookingTermsRequest(property_id=mine)
    assert (await refused(stand, "GetBookingTerms", terms, host)).code == "PERMISSION_DENIED"
    assert (await refused(stand, "GetBookingTerms", terms, by="notification")).code == "PERMISSION_DENIED"
    assert (await stand.call("GetBookingTerms", terms, by="booking")).host_id == host.user_id


async def test_booking_terms_are_whole_and_change_their_version_with_the_terms_alone(stand: Stand) -> None:
    host = stand.person()
    mine = (await stand.publish(host, weekend=7000, min_nights=2, instant_book=True, max_guests=3)).property_id
    request = pb.GetBookingTermsRequest(property_id=mine)
    terms = await stand.call("GetBookingTerms", request, by="booking")
    assert (terms.nightly_price, terms.weekend_price) == (money(5000), money(7000))
    assert terms.cleaning_fee == money(0)
    assert (terms.min_nights, terms.max_nights, terms.max_guests, terms.instant_book) == (2, 365, 3, True)
    assert terms.cancellation_policy == property_pb2.Property.FLEXIBLE
    await stand.call("UpdateProperty", update(mine, "description", description="Nouveau texte."), host)
    assert (await stand.call("GetBookingTerms", request, by="booking")) == terms
    await stand.call("UpdateProperty", update(mine, "max_guests", max_guests=4), host)
    changed = await stand.call("GetBookingTerms", request, by="booking")
    assert (changed.max_guests, changed.terms_version) == (4, terms.terms_version + 1)
    await stand.call("UnpublishProperty", pb.UnpublishPropertyRequest(property_id=mine), host)
    with pytest.raises(Refused) as gone:
        await stand.call("GetBookingTerms", request, by="booking")
    assert gone.value.reason == "PROPERTY_NOT_FOUND"


async def test_an_update_changes_what_the_mask_names(stand: Stand) -> None:
    host = stand.person()
    mine = await stand.publish(host)
    changed = await stand.call(
        "UpdateProperty",
        update(
            mine.property_id,
            "title",
            "location.city",
            title="Nouveau",
            description="ignored",
            location=property_pb2.Location(city="Oran"),
        ),
        host,
    )
    assert (changed.title, changed.description) == ("Nouveau", "Calme et propre.")
    assert (changed.location.city, changed.location.street_address) == ("Oran", "12 rue Didouche Mourad")
    assert changed.area.point == mine.area.point
    assert (await stand.events(mine.property_id))[-1] == "property.updated"


@pytest.mark.parametrize(
    "path", ["host_id", "state", "property_id.x", "area.point", "etag.x", "*", "title; DROP TABLE"]
)
async def test_the_mask_cannot_reach_what_is_not_the_hosts(stand: Stand, path: str) -> None:
    host = stand.person()
    mine = await stand.create(host)
    answer = await refused(stand, "UpdateProperty", update(mine.property_id, path, host_id=mine.host_id), host)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")


async def test_of_two_hosts_screens_the_second_to_save_is_told(stand: Stand) -> None:
    host = stand.person()
    seen = await stand.create(host)
    await stand.call("UpdateProperty", update(seen.property_id, "title", title="First", etag=seen.etag), host)
    late = update(seen.property_id, "title", title="Second", etag=seen.etag)
    assert (await refused(stand, "UpdateProperty", late, host)).reason == "ETAG_MISMATCH"
    without = update(seen.property_id, "title", title="Second")
    assert (await refused(stand, "UpdateProperty", without, host, if_match=seen.etag)).code == "ABORTED"
    assert (await stand.get(seen.property_id, host)).title == "First"


async def test_parallel_updates_lose_nothing(stand: Stand) -> None:
    host = stand.person()
    mine = (await stand.create(host)).property_id
    await asyncio.gather(
        *(stand.call("UpdateProperty", update(mine, "title", title=f"Title {n}"), host) for n in range(8))
    )
    rows = await stand.database.fetch("SELECT version FROM property WHERE property_id = $1", uuid_of(mine))
    assert rows[0]["version"] == 9
    assert await stand.events(mine) == ["property.created"] + ["property.updated"] * 8


async def test_a_published_property_cannot_lose_what_publishing_needed(stand: Stand) -> None:
    host = stand.person()
    mine = (await stand.publish(host)).property_id
    answer = await refused(stand, "UpdateProperty", update(mine, "description"), host)
    assert (answer.reason, answer.metadata["missing"]) == ("PROPERTY_MUST_STAY_COMPLETE", "description")


async def test_unpublished_and_deleted_properties_are_gone_for_the_public(stand: Stand) -> None:
    host, admin = stand.person(), stand.person("ADMIN")
    mine = (await stand.publish(host, title="Éphémère zzunpublish")).property_id
    assert await stand.ids(query="zzunpublish") == [mine]
    taken_off = await stand.call("UnpublishProperty", pb.UnpublishPropertyRequest(property_id=mine), admin)
    assert taken_off.state == State.UNPUBLISHED
    assert not taken_off.HasField("location")
    assert await stand.ids(query="zzunpublish") == []
    await stand.call("DeleteProperty", pb.DeletePropertyRequest(property_id=mine), host)
    await stand.call("DeleteProperty", pb.DeletePropertyRequest(property_id=mine), host)
    with pytest.raises(Refused) as gone:
        await stand.get(mine, host)
    assert gone.value.reason == "PROPERTY_NOT_FOUND"
    assert (await stand.events(mine))[-2:] == ["property.unpublished", "property.deleted"]


async def test_a_repeated_create_makes_one_property(stand: Stand) -> None:
    host = stand.person()
    request = pb.CreatePropertyRequest(property=listing(title="Once"))
    one = await stand.call("CreateProperty", request, host, idempotency_key="create-once")
    two = await stand.call("CreateProperty", request, host, idempotency_key="create-once")
    assert one == two
    own = await stand.call("ListProperties", pb.ListPropertiesRequest(), host)
    assert [mine.property_id for mine in own.properties] == [one.property_id]


async def test_the_own_list_pages_through_everything_but_deleted_ones(stand: Stand) -> None:
    host = stand.person()
    made = [(await stand.create(host, title=f"No {number}")).property_id for number in range(7)]
    await stand.call("DeleteProperty", pb.DeletePropertyRequest(property_id=made[3]), host)
    await stand.call("PublishProperty", pb.PublishPropertyRequest(property_id=made[5]), host)
    await stand.create(stand.person(), title="Not mine")
    seen: list[str] = []
    token = ""
    while True:
        page = await stand.call("ListProperties", pb.ListPropertiesRequest(page_size=2, page_token=token), host)
        seen += [mine.property_id for mine in page.properties]
        token = page.next_page_token
        if not token:
            break
    assert seen == [made[n] for n in (6, 5, 4, 2, 1, 0)]
    published = await stand.call("ListProperties", pb.ListPropertiesRequest(state=State.PUBLISHED), host)
    assert [mine.property_id for mine in published.properties] == [made[5]]


async def test_rates_are_replaced_as_a_whole_and_old_versions_are_kept(stand: Stand) -> None:
    host = stand.person()
    mine = (await stand.publish(host, weekend=7000, min_nights=3)).property_id
    new = property_pb2.Rates(nightly_price=money(6000), cleaning_fee=money(900))
    rates = await stand.call("ReplaceRates", pb.ReplaceRatesRequest(property_id=mine, rates=new), host)
    assert (rates.version, rates.min_nights, rates.HasField("weekend_price")) == (2, 1, False)
    assert (await stand.get(mine)).rates == rates
    kept = await stand.database.fetch(
        "SELECT version, nightly_minor, weekend_minor FROM rates WHERE property_id = $1 ORDER BY version", uuid_of(mine)
    )
    assert [tuple(row) for row in kept] == [(1, 500_000, 700_000), (2, 600_000, None)]


@pytest.mark.parametrize(
    ("rates", "reason", "field"),
    [
        (property_pb2.Rates(nightly_price=money(-5)), "INVALID_REQUEST", "rates.nightly_price"),
        (property_pb2.Rates(nightly_price=money(0)), "INVALID_REQUEST", "rates.nightly_price"),
        (property_pb2.Rates(), "INVALID_REQUEST", "rates.nightly_price"),
        (property_pb2.Rates(nightly_price=money(5), cleaning_fee=money(-1)), "INVALID_REQUEST", "rates.cleaning_fee"),
        (property_pb2.Rates(nightly_price=money(5), min_nights=9, max_nights=3), "INVALID_REQUEST", "rates"),
        (property_pb2.Rates(nightly_price=money(5), weekend_price=money(5, "EUR")), "CURRENCY_MISMATCH", ""),
        (property_pb2.Rates(nightly_price=money(5, "XTS")), "CURRENCY_UNSUPPORTED", ""),
        (
            property_pb2.Rates(nightly_price=money_pb2.Money(currency_code="DZD", units=5, nanos=1)),
            "AMOUNT_TOO_FINE",
            "",
        ),
    ],
)
async def test_what_are_no_rates_changes_nothing(
    stand: Stand, rates: property_pb2.Rates, reason: str, field: str
) -> None:
    host = stand.person()
    mine = (await stand.create(host)).property_id
    answer = await refused(stand, "ReplaceRates", pb.ReplaceRatesRequest(property_id=mine, rates=rates), host)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", reason)
    assert not field or field in answer.fields
    assert (await stand.get(mine, host)).rates.version == 1


async def test_a_draft_cannot_be_unpublished(stand: Stand) -> None:
    host = stand.person()
    draft = await stand.create(host)
    answer = await refused(stand, "UnpublishProperty", pb.UnpublishPropertyRequest(property_id=draft.property_id), host)
    assert answer.reason == "PROPERTY_STATE_INVALID"
    assert (answer.metadata["state"], answer.metadata["action"]) == ("DRAFT", "unpublish")


async def test_what_is_not_served_yet_says_so(stand: Stand) -> None:
    answer = await refused(stand, "RecommendProperties", pb.RecommendPropertiesRequest(), stand.person())
    assert answer.code == "UNIMPLEMENTED"


async def test_neither_row_nor_event_without_the_other(stand: Stand) -> None:
    host = stand.person()
    before = await stand.database.fetchval("SELECT count(*) FROM outbox")
    await stand.database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    await stand.database.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.subject = 'property.created')"
        " EXECUTE FUNCTION refuse()"
    )
    try:
        answer = await refused(stand, "CreateProperty", pb.CreatePropertyRequest(property=listing()), host)
        assert answer.code == "INTERNAL"
    finally:
        await stand.database.execute("DROP TRIGGER refuse ON outbox; DROP FUNCTION refuse()")
    own = await stand.call("ListProperties", pb.ListPropertiesRequest(), host)
    assert len(own.properties) == 0
    assert await stand.database.fetchval("SELECT count(*) FROM outbox") == before
