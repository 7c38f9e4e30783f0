"""The public API as a patient client uses it: waits when told to, tries again what may be tried again."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx

ATTEMPTS = 8
LONGEST_WAIT = 60.0
TRANSIENT = frozenset({409, 429, 502, 503, 504})


class Refused(Exception):
    """The API will not take it; the text is its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    """POSTs with an idempotency key: a repeated one has its first effect alone."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self.waits = 0

    async def post(self, path: str, body: dict[str, Any], key: str, token: str = "") -> dict[str, Any]:
        """Raises Refused for an answer that trying again cannot change, and when all attempts are used up."""
        headers = {"idempotency-key": key} | ({"authorization": f"Bearer {token}"} if token else {})
        for attempt in range(ATTEMPTS):
            try:
                response = await self._client.post(path, json=body, headers=headers)
            except httpx.TransportError as error:
                problem, wait = Refused(0, f"{type(error).__name__}: {error}"), _backoff(attempt)
            else:
                if response.is_success:
                    return dict(response.json())
                problem, wait = Refused(response.status_code, response.text[:500]), _asked(response, attempt)
                if response.status_code not in TRANSIENT:
                    raise problem
            self.waits += 1
            await asyncio.sleep(wait)
        raise problem


def _asked(response: httpx.Response, attempt: int) -> float:
    text = response.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        # A little more, and not all at once.
        return min(LONGEST_WAIT, int(text)) + random.uniform(0, 0.5)
    return _backoff(attempt)


def _backoff(attempt: int) -> float:
    return min(LONGEST_WAIT, 0.3 * (1 << attempt)) * random.uniform(0.7, 1.3)
