"""Domain events to the contract's."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message

from kerya.property.v1 import property_events_pb2 as pb
from kerya.property.v1.property_pb2 import Property as PropertyMessage
from services.chassis.ids import to_typeid
from services.property.domain import events
from services.property.domain.listing import Listing
from services.property.mapper.resources import to_card

AnyEvent = pb.PropertyCreated | pb.PropertyUpdated | pb.PropertyPublished | pb.PropertyUnpublished | pb.PropertyDeleted
MESSAGES: Final[dict[type[events.PropertyEvent], type[AnyEvent]]] = {
    events.PropertyCreated: pb.PropertyCreated,
    events.PropertyUpdated: pb.PropertyUpdated,
    events.PropertyPublished: pb.PropertyPublished,
    events.PropertyUnpublished: pb.PropertyUnpublished,
    events.PropertyDeleted: pb.PropertyDeleted,
}


def event(happened: events.PropertyEvent) -> Message:
    """The message of a domain event; it holds nothing that is not public."""
    of = happened.property
    property_id, host_id = to_typeid("property", of.property_id), to_typeid("user", of.host_id)
    message = MESSAGES[type(happened)](property_id=property_id, host_id=host_id, version=of.version)
    match message:
        case pb.PropertyCreated():
            message.create_time.FromDatetime(of.updated_at)
        case pb.PropertyUpdated():
            message.update_time.FromDatetime(of.updated_at)
            message.state = PropertyMessage.State.Value(of.state.value)
        case pb.PropertyPublished():
            message.publish_time.FromDatetime(of.updated_at)
        case pb.PropertyUnpublished():
            message.unpublish_time.FromDatetime(of.updated_at)
        case pb.PropertyDeleted():
            message.delete_time.FromDatetime(of.updated_at)
    if isinstance(message, pb.PropertyUpdated | pb.PropertyPublished):
        message.card.CopyFrom(to_card(Listing.of(of)))
        message.description = of.details.description
    return message
