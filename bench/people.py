"""Accounts and listings for a bench, made through the public API."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from bench.load import Answer, Connection
from bench.mesh import Mesh

Json = dict[str, Any]
# An access token lives ten minutes.
RENEW_SECONDS = 400.0


class Refused(Exception):
    """The API said no where it should not have."""


@dataclass
class Person:
    """A registered user; `renewed` is when the access token was given (monotonic)."""

    mesh: Mesh
    access: str
    refresh: str
    renewed: float

    async def post(self, path: str, body: Json, key: str, connection: Connection) -> Answer:
        """One POST under an idempotency key; raises what Connection.request does."""
        headers = {"authorization": f"Bearer {self.access}", "idempotency-key": key}
        return await connection.request("POST", path, headers, json.dumps(body).encode())

    async def renew(self) -> None:
        """Gets a new access token where the old one grows old."""
        if time.monotonic() - self.renewed < RENEW_SECONDS:
            return
        tokens = await post(self.mesh, "/v1/auth:refresh", {"refreshToken": self.refresh})
        self.access, self.refresh, self.renewed = tokens["accessToken"], tokens["refreshToken"], time.monotonic()


async def post(mesh: Mesh, path: str, body: Json, token: str = "") -> Json:
    """One POST that must succeed."""
    headers = {"idempotency-key": str(uuid4())} | ({"authorization": f"Bearer {token}"} if token else {})
    async with Connection(mesh.http) as connection:
        answer = await connection.request("POST", path, headers, json.dumps(body).encode())
    if answer.status != 200:
        raise Refused(f"POST {path}: {answer.status} {answer.body[:500]!r}")
    return dict(answer.json())


async def register(mesh: Mesh, *roles: str) -> Person:
    """A new account, signed in."""
    body = {
        "email": f"bench-{uuid4().hex[:16]}@example.com",
        "password": uuid4().hex,
        "displayName": "Bench",
        "locale": "en",
        "roles": list(roles),
    }
    tokens = (await post(mesh, "/v1/auth:register", body))["tokens"]
    return Person(mesh, tokens["accessToken"], tokens["refreshToken"], time.monotonic())


async def register_many(mesh: Mesh, count: int, at_once: int = 8) -> list[Person]:
    """Some clients; few at once, as a password's hash takes its time."""
    free = asyncio.Semaphore(at_once)

    async def one() -> Person:
        async with free:
            return await register(mesh)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def list_property(host: Person, **changed: Any) -> str:
    """Creates and publishes a property; its id."""
    body: Json = {
        "title": "Appartement F3 avec vue sur la baie",
        "description": "Grand appartement lumineux avec terrasse, au calme, à deux pas du tramway.",
        "kind": "APARTMENT",
        "maxGuests": 4,
        "timeZone": "Africa/Algiers",
        "location": {
            "streetAddress": "1 rue des Pins",
            "city": "Alger",
            "countryCode": "DZ",
            "point": {"latitude": 36.75, "longitude": 3.03},
        },
        "rates": {"nightlyPrice": {"currencyCode": "DZD", "units": "8000"}},
    }
    created = await post(host.mesh, "/v1/properties", {**body, **changed}, host.access)
    await post(host.mesh, f"/v1/properties/{created['propertyId']}:publish", {}, host.access)
    return str(created["propertyId"])


async def quote(mesh: Mesh, property_id: str, first: date, nights: int) -> str:
    """The token of a quote for two guests."""
    stay = {"checkInDate": day(first), "checkOutDate": day(first + timedelta(days=nights))}
    body = {"propertyId": property_id, "guestCount": 2, **stay}
    return str((await post(mesh, "/v1/quotes", body))["quoteToken"])


def day(when: date) -> Json:
    """google.type.Date in JSON."""
    return {"year": when.year, "month": when.month, "day": when.day}
