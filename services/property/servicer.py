"""The RPCs of the property service. Images and recommendations are in the contract and not served yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from kerya.property.v1 import property_pb2, property_service_pb2_grpc
from kerya.property.v1 import property_service_pb2 as pb
from services.chassis.call import caller, current_call
from services.chassis.clock import Clock
from services.chassis.ids import from_typeid
from services.chassis.paging import Paging
from services.property.domain.property import State
from services.property.mapper import edits, queries, resources
from services.property.usecases.change import (
    DeleteProperty,
    PublishProperty,
    ReplaceRates,
    UnpublishProperty,
    UpdateProperty,
)
from services.property.usecases.create import CreateProperty
from services.property.usecases.search import ListSimilar, SearchProperties
from services.property.usecases.view import GetProperty, GetPublished, ListOwn

SIMILAR_SIZE = 10


@dataclass(frozen=True)
class UseCases:
    """What the RPCs call."""

    create: CreateProperty
    get: GetProperty
    published: GetPublished
    list_own: ListOwn
    update: UpdateProperty
    replace_rates: ReplaceRates
    publish: PublishProperty
    unpublish: UnpublishProperty
    delete: DeleteProperty
    search: SearchProperties
    similar: ListSimilar


class PropertyServicer(property_service_pb2_grpc.PropertyServiceServicer):
    """kerya.property.v1.PropertyService."""

    def __init__(self, use: UseCases, paging: Paging, clock: Clock) -> None:
        self._use = use
        self._paging = paging
        self._clock = clock

    async def CreateProperty(self, request: pb.CreatePropertyRequest, context: Any) -> property_pb2.Property:
        new = request.property
        rates = edits.to_rates(new.rates, "property.rates") if new.HasField("rates") else None
        created = await self._use.create(caller(), edits.to_edits(new), rates)
        return resources.to_property(created, exact=True)

    async def GetProperty(self, request: pb.GetPropertyRequest, context: Any) -> property_pb2.Property:
        view = await self._use.get(_id(request), caller())
        return resources.to_property(view.property, exact=view.exact)

    async def ListProperties(self, request: pb.ListPropertiesRequest, context: Any) -> pb.ListPropertiesResponse:
        page = self._paging.open(request)
        state = State(property_pb2.Property.State.Name(request.state)) if request.state else None
        after = UUID(str(page.after[0])) if page.after else None
        found, last = await self._use.list_own(caller(), state, page.size, after)
        return pb.ListPropertiesResponse(
            properties=[resources.to_property(one, exact=True) for one in found],
            next_page_token=self._paging.token(request, (str(last),) if last else None),
        )

    async def UpdateProperty(self, request: pb.UpdatePropertyRequest, context: Any) -> property_pb2.Property:
        new = request.property
        wanted = edits.to_masked_edits(new, list(request.update_mask.paths))
        property_id = from_typeid("property", new.property_id)
        updated = await self._use.update(property_id, caller(), wanted, new.etag or _if_match())
        return resources.to_property(updated, exact=True)

    async def DeleteProperty(self, request: pb.DeletePropertyRequest, context: Any) -> Empty:
        await self._use.delete(_id(request), caller())
        return Empty()

    async def PublishProperty(self, request: pb.PublishPropertyRequest, context: Any) -> property_pb2.Property:
        return resources.to_property(await self._use.publish(_id(request), caller()), exact=True)

    async def UnpublishProperty(self, request: pb.UnpublishPropertyRequest, context: Any) -> property_pb2.Property:
        unpublished = await self._use.unpublish(_id(request), caller())
        return resources.to_property(unpublished, exact=unpublished.host_id == caller().user_id)

    async def SearchProperties(self, request: pb.SearchPropertiesRequest, context: Any) -> pb.SearchPropertiesResponse:
        query, page = queries.to_query(request, self._clock.now()), self._paging.open(request)
        found = await self._use.search(query, page.size, page.after)
        return pb.SearchPropertiesResponse(
            properties=resources.to_cards(found.hits, query.stay),
            next_page_token=self._paging.token(request, found.after),
        )

    async def ListSimilarProperties(
        self, request: pb.ListSimilarPropertiesRequest, context: Any
    ) -> pb.ListSimilarPropertiesResponse:
        hits = await self._use.similar(_id(request), request.page_size or SIMILAR_SIZE)
        return pb.ListSimilarPropertiesResponse(properties=resources.to_cards(hits))

    async def ReplaceRates(self, request: pb.ReplaceRatesRequest, context: Any) -> property_pb2.Rates:
        rates = edits.to_rates(request.rates)
        return resources.to_rates(await self._use.replace_rates(_id(request), caller(), rates))

    async def GetBookingTerms(self, request: pb.GetBookingTermsRequest, context: Any) -> property_pb2.BookingTerms:
        return resources.to_booking_terms(await self._use.published(_id(request)))


def _id(request: Any) -> UUID:
    return from_typeid("property", request.property_id)


def _if_match() -> str:
    call = current_call()
    return call.metadata.get("if-match", "") if call else ""
