"""What a provider of the sandbox is: a name, its routes, and what it writes on the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from deploy.local.sandbox.faults import Faults
from deploy.local.sandbox.web import Handler, Request, Response, Route

LOST_ANSWER_SECONDS = 60.0
"""How long a client waits for an answer that a knob dropped: longer than any sensible timeout."""


@dataclass(frozen=True)
class Section:
    """A table of the page: a title, column names, and rows of plain text. A cell that starts with "/" is a link."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Provider(Protocol):
    """One outside company's API."""

    @property
    def name(self) -> str:
        """The first segment of its paths, and its name in the knobs."""

    def routes(self) -> Sequence[Route]:
        """Its routes, without the leading name. A route's `operation` is what knobs call it."""

    def failure(self, status: int) -> Response:
        """An outage in this provider's own words."""

    def sections(self) -> Sequence[Section]:
        """What a person wants to see of it."""


def mount(provider: Provider, faults: Faults) -> list[Route]:
    """The provider's routes under its name, with the knobs around each."""
    return [
        Route(
            route.method,
            f"/{provider.name}{route.path}",
            _disturbed(provider, route, faults),
            route.operation,
        )
        for route in provider.routes()
    ]


def _disturbed(provider: Provider, route: Route, faults: Faults) -> Handler:
    async def handler(request: Request) -> Response:
        effect = faults.take(provider.name, route.operation)
        await asyncio.sleep(effect.delay)
        if effect.fail_status is not None:
            return provider.failure(effect.fail_status)
        response = await route.handler(request)
        if effect.drop:
            await asyncio.sleep(LOST_ANSWER_SECONDS)
        return response

    return handler
