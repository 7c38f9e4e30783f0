"""Delivers providers' webhooks: signed, retried with backoff, and disturbed where a knob says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx

from deploy.local.sandbox.faults import Faults
from deploy.local.sandbox.store import Store, Webhook

Signer = Callable[[bytes], Mapping[str, str]]
"""Payload -> the headers that prove where it comes from."""

HOLD_SECONDS = 5.0
"""The longest a webhook is held back to be reordered, where no other one follows."""
OVERTAKE_SECONDS = 0.3
"""The lead of the webhook that overtakes a held one."""
MAX_BACKOFF_SECONDS = 60.0
PARALLEL = 8


class Dispatcher:
    """The queue of webhooks. `enqueue` only writes a row, so a restart delivers what was not delivered yet."""

    def __init__(self, store: Store, faults: Faults, backoff: float, attempts: int) -> None:
        self._store = store
        self._faults = faults
        self._backoff = backoff
        self._attempts = attempts
        self._signers: dict[str, Signer] = {}
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(PARALLEL)

    def signer(self, provider: str, sign: Signer) -> None:
        """Declares how a provider signs. Must be called before its first `enqueue`."""
        self._signers[provider] = sign

    def enqueue(self, provider: str, event_id: str, type: str, url: str, payload: bytes) -> None:
        """Takes an event to be delivered to `url`."""
        effect, now = self._faults.take(provider, "webhook"), time.time()
        state, due = ("HELD", now + HOLD_SECONDS) if effect.reorder else ("PENDING", now + effect.delay)
        if effect.drop:
            state = "DROPPED"
        if not effect.reorder:
            self._store.release_held(provider, now + OVERTAKE_SECONDS)
        for _ in range(1 + effect.duplicate):
            sequence = self._store.add_webhook(provider, event_id, type, url, payload, state, due)
        if effect.fail_status is not None:
            retry = now + self._backoff
            self._store.change_webhook(sequence, attempts=1, due=retry, answer=f"knob: {effect.fail_status}")
        self._wake.set()

    def resend(self, webhook: Webhook) -> None:
        """Delivers a webhook again, as the provider's dashboard can."""
        self._store.add_webhook(
            webhook.provider,
            webhook.event_id,
            webhook.type,
            webhook.url,
            webhook.payload,
            "PENDING",
            time.time(),
        )
        self._wake.set()

    async def run(self) -> None:
        """Delivers until cancelled."""
        async with (
            httpx.AsyncClient(timeout=20.0, follow_redirects=False) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                self._wake.clear()
                for webhook in self._store.due_webhooks(time.time()):
                    # Out of the queue's sight while it is under way; a restart looks at it again after a minute.
                    self._store.change_webhook(webhook.sequence, due=time.time() + 60, state="PENDING")
                    group.create_task(self._deliver(client, webhook))
                next_due = self._store.next_due()
                with suppress(TimeoutError):
                    wait = None if next_due is None else max(0.01, next_due - time.time())
                    await asyncio.wait_for(self._wake.wait(), wait)

    async def _deliver(self, client: httpx.AsyncClient, webhook: Webhook) -> None:
        async with self._slots:
            accepted, answer = await self._attempt(client, webhook)
        attempts = webhook.attempts + 1
        if accepted:
            state, due = "DELIVERED", webhook.due
        elif attempts >= self._attempts:
            state, due = "FAILED", webhook.due
        else:
            state, due = (
                "PENDING",
                time.time() + min(MAX_BACKOFF_SECONDS, self._backoff * 2 ** (attempts - 1)),
            )
        self._store.change_webhook(webhook.sequence, state=state, attempts=attempts, due=due, answer=answer)
        self._wake.set()

    async def _attempt(self, client: httpx.AsyncClient, webhook: Webhook) -> tuple[bool, str]:
        headers = {
            "content-type": "application/json; charset=utf-8",
            **self._signers[webhook.provider](webhook.payload),
        }
        try:
            response = await client.post(webhook.url, content=webhook.payload, headers=headers)
        except httpx.HTTPError as error:
            return False, f"{type(error).__name__}: {error}"
        return response.is_success, f"{response.status_code} {response.text[:300]}"
