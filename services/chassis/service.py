"""What a service's composition root gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
import httpx
from google.protobuf.message import Message

from services.chassis.cache import Cache
from services.chassis.client import MeshChannel
from services.chassis.clock import Clock
from services.chassis.consumer import Handlers
from services.chassis.contract import Contract
from services.chassis.crypto import BlindIndex, FieldCipher
from services.chassis.database import Database
from services.chassis.errors import Details, no_details
from services.chassis.health import Check
from services.chassis.jobs import Job
from services.chassis.outbox import Outbox
from services.chassis.paging import Paging
from services.chassis.provider import provider_client
from services.chassis.rpc.server import Registration
from services.chassis.secrets import Secrets
from services.chassis.settings import ChassisSettings
from services.chassis.tls import Identity


@dataclass(frozen=True)
class Service:
    """A service, ready to be started: the chassis starts the parts in order and stops them in reverse."""

    servicers: Sequence[Registration]
    consumers: Sequence[Handlers] = ()
    jobs: Sequence[Job] = ()
    dependencies: Mapping[str, Check] = field(default_factory=dict)
    details: Details = no_details


class Chassis:
    """The parts that a composition root builds on."""

    def __init__(
        self,
        settings: ChassisSettings,
        contract: Contract,
        database: Database,
        cache: Cache,
        clock: Clock,
        secrets: Secrets,
        identity: Identity | None,
    ) -> None:
        self.settings = settings
        self.contract = contract
        self.database = database
        self.cache = cache
        self.clock = clock
        self.secrets = secrets
        self.paging = Paging(secrets.read_key("page_token.key"))
        self._identity = identity
        self._channels: dict[str, MeshChannel] = {}
        self._providers: list[httpx.AsyncClient] = []

    @property
    def cipher(self) -> FieldCipher:
        """Encrypts the fields that the contract marks as ENCRYPTED."""
        return FieldCipher.from_json(self.secrets.read("field_keys.json"))

    @property
    def blind_index(self) -> BlindIndex:
        """Makes encrypted values findable by equality."""
        return BlindIndex(self.secrets.read_key("blind_index.key"))

    def outbox(self, encode: Callable[[Any], Message]) -> Outbox:
        """The outbox of this service; `encode` is its mapper's `event`."""
        return Outbox(encode, contract=self.contract, clock=self.clock)

    def channel(self, workload: str) -> grpc.aio.Channel:
        """The channel to another service, one per process. KeyError where `targets` has no address for it."""
        if workload not in self._channels:
            target = self.settings.targets[workload]
            self._channels[workload] = MeshChannel(
                workload, target, self.contract, self._identity, self.settings.default_deadline
            )
        return cast(grpc.aio.Channel, self._channels[workload])

    def provider(self, name: str, base_url: str) -> httpx.AsyncClient:
        """A client for an outside HTTP API."""
        client = provider_client(name, base_url)
        self._providers.append(client)
        return client

    async def close(self) -> None:
        """Closes channels and provider clients."""
        for channel in self._channels.values():
            await channel.close()
        for client in self._providers:
            await client.aclose()
