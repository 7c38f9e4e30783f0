"""An account that is gone lets nothing: what its host published comes off the market."""

import asyncio
from datetime import UTC, datetime

import pytest

from kerya.property.v1 import property_pb2
from kerya.property.v1 import property_service_pb2 as pb
from kerya.user.v1.user_events_pb2 import UserDeleted
from services.chassis.clock import Clock
from services.chassis.contract import Contract
from services.chassis.crypto import FieldCipher
from services.chassis.database import Database
from services.chassis.delivery import Delivery, Reject
from services.chassis.ids import new_id
from services.chassis.outbox import Outbox
from services.chassis.secrets import Secrets
from services.property.consumers import UserConsumers
from services.property.mapper.events import event
from services.property.repository.properties import PropertyRepository
from services.property.repository.sealing import LocationSeal
from services.property.usecases import unpublish_all
from services.property.usecases.unpublish_all import UnpublishAll
from tests.integration.property.stand import Person, Refused, Stand

State = property_pb2.Property.State


def delivery() -> Delivery:
    return Delivery(new_id(), "user.deleted", datetime.now(UTC), 1, "property-USER")


async def booked(stand: Stand, property_id: str) -> property_pb2.BookingTerms:
    """What the booking service asks before it sells a night. Raises Refused."""
    request = pb.GetBookingTermsRequest(property_id=property_id)
    terms: property_pb2.BookingTerms = await stand.call("GetBookingTerms", request, by="booking")
    return terms


async def states(stand: Stand, host: Person) -> list[int]:
    own = await stand.call("ListProperties", pb.ListPropertiesRequest(page_size=100), host)
    return [mine.state for mine in own.properties]


async def test_a_deleted_hosts_properties_are_neither_found_nor_booked(stand: Stand) -> None:
    host, other = stand.person(), stand.person()
    mine = [(await stand.publish(host, title="Maison zzpartie")).property_id for _ in range(3)]
    draft = (await stand.create(host, title="Brouillon")).property_id
    theirs = (await stand.publish(other, title="Maison zzpartie")).property_id
    assert (await booked(stand, mine[0])).property_id == mine[0]
    await stand.publish_event(UserDeleted(user_id=host.user_id), "kerya.user.v1")
    async with asyncio.timeout(20):
        while await stand.ids(query="zzpartie") != [theirs]:
            await asyncio.sleep(0.05)
    for property_id in mine:
        assert await stand.events(property_id) == ["property.created", "property.published", "property.unpublished"]
        with pytest.raises(Refused) as refused:
            await booked(stand, property_id)
        assert refused.value.reason == "PROPERTY_NOT_FOUND"
    assert await stand.events(draft) == ["property.created"]
    assert (await booked(stand, theirs)).property_id == theirs


async def test_any_number_of_properties_goes_and_a_second_time_changes_nothing(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpublish_all, "STEP", 2)
    host = stand.person()
    mine = [(await stand.publish(host)).property_id for _ in range(5)]
    assert stand.settings.secrets_directory is not None
    cipher = FieldCipher.from_json(Secrets(stand.settings.secrets_directory).read("field_keys.json"))
    database = Database(stand.settings.database_url.get_secret_value())
    outbox = Outbox(event, contract=Contract.load(), clock=Clock())
    try:
        use = UnpublishAll(database, PropertyRepository(LocationSeal(cipher)), outbox, Clock())
        consumers = UserConsumers(use)
        for _ in range(2):
            await consumers.on_deleted(UserDeleted(user_id=host.user_id), delivery())
        with pytest.raises(Reject):
            await consumers.on_deleted(UserDeleted(user_id="nobody"), delivery())
    finally:
        await database.close()
    assert await states(stand, host) == [State.UNPUBLISHED] * 5
    for property_id in mine:
        assert (await stand.events(property_id)).count("property.unpublished") == 1
