"""Loads listings, several at once, each create and publish exactly once however often the run is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.local.seed.api import Api, Refused
from deploy.local.seed.hosts import Hosts
from deploy.local.seed.listing import Listing
from deploy.local.seed.state import SeedState


@dataclass
class Outcome:
    """How a run ended. `refused` is (listing key, why)."""

    loaded: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)


class Loader:
    """Creates and publishes through the API."""

    def __init__(self, api: Api, hosts: Hosts, state: SeedState, concurrency: int) -> None:
        self._api = api
        self._hosts = hosts
        self._state = state
        self._concurrency = concurrency

    async def __call__(self, listings: Sequence[Listing], advance: Callable[[], None]) -> Outcome:
        """`advance` is called once for every listing that is done with."""
        outcome = Outcome()
        queue = iter(listings)

        async def worker() -> None:
            for listing in queue:
                await self._one(listing, outcome)
                advance()

        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(worker())
        return outcome

    async def _one(self, listing: Listing, outcome: Outcome) -> None:
        if listing.key in self._state.published:
            outcome.known += 1
            return
        try:
            await self._load(listing)
        except Refused as refusal:
            outcome.refused.append((listing.key, str(refusal)))
        else:
            outcome.loaded += 1

    async def _load(self, listing: Listing) -> None:
        property_id = self._state.created.get(listing.key)
        if property_id is None:
            token = await self._hosts.token(listing.host_key)
            key = self._state.key("create", listing.key)
            created = await self._api.post("/v1/properties", listing.body(), key, token)
            property_id = str(created["propertyId"])
            self._state.add_created(listing.key, property_id)
        token = await self._hosts.token(listing.host_key)
        key = self._state.key("publish", listing.key)
        await self._api.post(f"/v1/properties/{property_id}:publish", {}, key, token)
        self._state.add_published(listing.key)
