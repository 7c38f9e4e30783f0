"""The composition root of the property service."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Final

from kerya.property.v1 import property_service_pb2_grpc
from services.chassis.jobs import Job
from services.chassis.outbox import Outbox
from services.chassis.secrets import Secrets
from services.chassis.service import Chassis, Service
from services.property.consumers import CalendarConsumers, UserConsumers
from services.property.domain.veil import Veil
from services.property.mapper.events import event
from services.property.repository.nights import NightRepository
from services.property.repository.properties import PropertyRepository
from services.property.repository.sealing import LocationSeal
from services.property.repository.search import PostgresSearchIndex
from services.property.servicer import PropertyServicer, UseCases
from services.property.settings import Settings
from services.property.usecases import change
from services.property.usecases.calendar import ForgetPastNights, MarkNights
from services.property.usecases.create import CreateProperty
from services.property.usecases.own import ChangeOwn
from services.property.usecases.search import ListSimilar, SearchProperties
from services.property.usecases.unpublish_all import UnpublishAll
from services.property.usecases.view import GetProperty, GetPublished, ListOwn

VEIL_LABEL: Final = b"kerya property location veil 1"


async def build(chassis: Chassis, settings: Settings) -> Service:
    """Puts the service together."""
    nights = NightRepository()
    properties, outbox = PropertyRepository(LocationSeal(chassis.cipher)), chassis.outbox(event)
    use = _use_cases(chassis, properties, outbox)
    forget = ForgetPastNights(chassis.database, nights, chassis.clock)
    # What it does not override yet answers UNIMPLEMENTED by its generated base.
    servicer = PropertyServicer(use, chassis.paging, chassis.clock)  # type: ignore[abstract]
    return Service(
        servicers=[(property_service_pb2_grpc.add_PropertyServiceServicer_to_server, servicer)],
        consumers=[
            CalendarConsumers(MarkNights(chassis.database, nights)).handlers(),
            UserConsumers(UnpublishAll(chassis.database, properties, outbox, chassis.clock)).handlers(),
        ],
        jobs=[Job("forget-past-nights", every=timedelta(hours=6), run=forget)],
    )


def _use_cases(chassis: Chassis, properties: PropertyRepository, outbox: Outbox) -> UseCases:
    database, clock = chassis.database, chassis.clock
    veil = Veil(veil_key(chassis.secrets))
    changing = ChangeOwn(database, properties, outbox)
    published = GetPublished(database, properties)
    index = PostgresSearchIndex(database)
    return UseCases(
        create=CreateProperty(database, properties, outbox, veil, clock),
        get=GetProperty(database, properties),
        published=published,
        list_own=ListOwn(database, properties),
        update=change.UpdateProperty(changing, veil, clock),
        replace_rates=change.ReplaceRates(changing, clock),
        publish=change.PublishProperty(changing, clock),
        unpublish=change.UnpublishProperty(changing, clock),
        delete=change.DeleteProperty(changing, clock),
        search=SearchProperties(index),
        similar=ListSimilar(published, index),
    )


def veil_key(secrets: Secrets) -> bytes:
    """Derived from the blind index's key, which is as lasting: a new one would show every door from a second side."""
    return hmac.digest(secrets.read_key("blind_index.key"), VEIL_LABEL, hashlib.sha256)
