"""NATS JetStream: one connection that never gives up, the contract's streams, and publishing that waits for the disk."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from services.chassis.contract import Contract
from services.chassis.failures import DependencyDown
from services.chassis.rules import StreamRule
from services.chassis.supervision import Supervised

log = structlog.get_logger(__name__)

# The client's default gives up after 60 tries of 2 s: a service would then stay deaf after a longer outage.
RECONNECT_FOR_EVER = -1
RECONNECT_WAIT_S = 0.5
# A dead peer is noticed after 40 s, not after four minutes.
PING_INTERVAL_S = 20
CONNECT_TIMEOUT_S = 2
# What is published while the connection is away waits here; beyond it, publishing fails at once.
PENDING_BYTES = 2 << 20
DRAIN_TIMEOUT_S = 30
REQUEST_TIMEOUT_S = 2.0

MAX_EVENT_BYTES = 256 << 10
# Longer than a relay needs to come back after a crash, so that what it repeats is recognised. The window is only the
# first guard; the inbox is the one that holds.
DUPLICATE_WINDOW_S = 600.0


class JetStream:
    """The service's connection to the bus. Between `start` and `stop` it is connected, or busy reconnecting."""

    def __init__(self, url: str, *, name: str, replicas: int = 1, tls: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._name = name
        self._replicas = replicas
        self._tls = tls
        self._client: Client | None = None
        self._up = asyncio.Event()
        # Called when the connection breaks: what waits for the server's answer need not wait until it times out.
        self.on_break: set[Callable[[], None]] = set()
        self._keeper = Supervised("nats connection", self._connect, pause=RECONNECT_WAIT_S)

    @property
    def connected(self) -> bool:
        """Whether the connection stands now."""
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The connection. Raises DependencyDown before the first one stood."""
        if self._client is None:
            raise DependencyDown("nats")
        return self._client

    @property
    def context(self) -> JetStreamContext:
        """JetStream's own API, for what this class does not have."""
        return self.client.jetstream(timeout=REQUEST_TIMEOUT_S)

    async def start(self, within: float = 0.0) -> None:
        """Begins to connect, and waits for it for at most `within` seconds. A bus that is down does not stop a service
        from starting; its health says so."""
        self._keeper.start()
        if within:
            try:
                async with asyncio.timeout(within):
                    await self.ready()
            except TimeoutError:
                log.warning("nats is not reachable yet", server=urlsplit(self._url).hostname)

    async def stop(self) -> None:
        """Flushes what is under way and closes the connection."""
        client, self._client = self._client, None
        if client is not None and client.is_connected:
            await client.drain()
        await self._keeper.stop()

    async def ready(self) -> None:
        """Waits until the connection stands."""
        await self._up.wait()

    async def check(self) -> None:
        """Raises where JetStream does not answer; the health check of the dependency."""
        if not self.connected:
            raise DependencyDown("nats")
        await self.context.account_info()

    async def publish(self, stream: str, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        """Publishes and returns once the stream has the message on disk. Raises nats errors, TimeoutError."""
        client = self.client
        if not client.is_connected:
            raise DependencyDown("nats")
        await client.jetstream(timeout=REQUEST_TIMEOUT_S).publish(
            subject, payload, stream=stream, headers=dict(headers)
        )

    async def declare(self, contract: Contract, package: str) -> None:
        """Makes the streams of a package what the contract says; those that already are stay untouched."""
        await self.ready()
        for rule in contract.streams_of(package):
            await self.declare_stream(stream_config(rule, _subjects(contract, rule), self._replicas))

    @property
    def replicas(self) -> int:
        """Copies of each stream."""
        return self._replicas

    async def declare_stream(self, wanted: api.StreamConfig) -> None:
        """Creates the stream, or updates it where it differs."""
        assert wanted.name is not None
        try:
            present = (await self.context.stream_info(wanted.name)).config
        except NotFoundError:
            await self.context.add_stream(wanted)
            return
        if changes := differences(present, wanted):
            log.info("stream updated", stream=wanted.name, changes=sorted(changes))
            await self.context.update_stream(wanted)

    async def _connect(self) -> None:
        closed = asyncio.Event()

        async def on_closed() -> None:
            closed.set()

        client = Client()
        await client.connect(
            self._url,
            name=self._name,
            tls=self._tls,
            error_cb=_on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_connected,
            closed_cb=on_closed,
            connect_timeout=CONNECT_TIMEOUT_S,
            reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # used as seconds, fractions work
            max_reconnect_attempts=RECONNECT_FOR_EVER,
            ping_interval=PING_INTERVAL_S,
            pending_size=PENDING_BYTES,
            drain_timeout=DRAIN_TIMEOUT_S,
        )
        self._client = client
        await self._on_connected()
        # Closed for good is what a refused password ends in: the supervisor begins anew, with the password as it is then.
        await closed.wait()
        self._up.clear()

    async def _on_connected(self) -> None:
        log.info("nats connected")
        self._up.set()

    async def _on_disconnected(self) -> None:
        log.warning("nats disconnected")
        self._up.clear()
        for notify in self.on_break:
            notify()


async def _on_error(error: Exception) -> None:
    log.debug("nats error", error=repr(error))


def stream_config(rule: StreamRule, subjects: list[str], replicas: int) -> api.StreamConfig:
    """The configuration of an event stream."""
    return api.StreamConfig(
        name=rule.name,
        subjects=subjects,
        storage=api.StorageType.FILE,
        retention=api.RetentionPolicy.LIMITS,
        num_replicas=replicas,
        # A full stream refuses new events, which the outbox keeps; dropping old ones would lose them silently.
        discard=api.DiscardPolicy.NEW,
        max_age=rule.max_age,
        max_bytes=rule.max_bytes,
        max_msg_size=MAX_EVENT_BYTES,
        deny_delete=True,
        duplicate_window=DUPLICATE_WINDOW_S,
        allow_direct=True,
    )


def _subjects(contract: Contract, rule: StreamRule) -> list[str]:
    # By noun and not by event: an older replica that starts late must not take a newer event's subject away.
    nouns = {event.subject.partition(".")[0] for event in contract.events.values() if event.stream == rule.name}
    return sorted(f"{noun}.>" for noun in nouns)


def differences(present: api.StreamConfig, wanted: api.StreamConfig) -> set[str]:
    """The names of the settings that `wanted` names and `present` has otherwise; the server fills in many more."""
    fields: Iterable[str] = wanted.__dataclass_fields__
    return {
        name
        for name in fields
        if (value := getattr(wanted, name)) is not None
        and value != getattr(present, name)
        and value not in (-1, 0, False)
    }
