"""The response cache: reads that the contract lets the edge answer, until their time is over or an event purges them."""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from protobuf import Message

from edge.transcoder.headers import etag_matches
from edge.transcoder.metrics import CACHE_HITS
from edge.transcoder.request import Request
from edge.transcoder.response import Response
from edge.transcoder.route import Route
from edge.transcoder.unary import Caller

# Said about one caller's budget, or by the moment: never told to the next one.
_NOT_KEPT = (b"ratelimit", b"retry-after", b"idempotent-replayed")
_CREDENTIALS = ("authorization", "x-api-key")
_PLACEHOLDER = re.compile(r"\{([a-z0-9_.]+)\}")
# A read that began before a purge may carry what the purge was about; none takes longer than this.
PURGE_MEMORY_SECONDS = 15.0


@dataclass(slots=True)
class _Entry:
    response: Response
    etag: str
    stored: float
    expires: float
    tags: tuple[str, ...]
    size: int


class ResponseCache:
    """Answers by key, least used out first beyond `max_bytes`. Off until `resume`: without purges it would lie."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._by_tag: dict[str, set[bytes]] = {}
        self._purged: OrderedDict[str, float] = OrderedDict()
        self._cleared = 0.0
        self.live = False

    def resume(self) -> None:
        """Purges arrive from now on."""
        self.clear()
        self.live = True

    def suspend(self) -> None:
        """Purges may be missed from now on."""
        self.live = False
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._by_tag.clear()
        self._bytes = 0
        self._cleared = time.monotonic()

    def get(self, key: bytes) -> _Entry | None:
        """The entry of a key, while it lives."""
        entry = self._entries.get(key)
        if entry is None or not self.live:
            return None
        if entry.expires <= time.monotonic():
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, key: bytes, response: Response, ttl: float, tags: tuple[str, ...], started: float) -> None:
        """Keeps an answer that was asked for at `started` (monotonic), unless a purge came since."""
        if not self.live or started <= self._cleared or any(self._purged.get(tag, 0.0) >= started for tag in tags):
            return
        self._drop(key)
        kept = Response(200, [pair for pair in response.headers if not pair[0].startswith(_NOT_KEPT)], response.body)
        etag = next((value.decode("latin-1") for name, value in kept.headers if name == b"etag"), "")
        now = time.monotonic()
        entry = _Entry(kept, etag, now, now + ttl, tags, len(kept.body) + 512)
        self._entries[key] = entry
        self._bytes += entry.size
        for tag in tags:
            self._by_tag.setdefault(tag, set()).add(key)
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def purge(self, tags: Iterable[str]) -> None:
        """Forgets every entry that has one of the tags."""
        now = time.monotonic()
        for tag in tags:
            for key in list(self._by_tag.get(tag, ())):
                self._drop(key)
            self._purged[tag] = now
            self._purged.move_to_end(tag)
        while self._purged and next(iter(self._purged.values())) < now - PURGE_MEMORY_SECONDS:
            self._purged.popitem(last=False)

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        for tag in entry.tags:
            keys = self._by_tag.get(tag, set())
            keys.discard(key)
            if not keys:
                self._by_tag.pop(tag, None)


class CachedReads:
    """Unary reads by way of the cache."""

    def __init__(self, cache: ResponseCache, caller: Caller) -> None:
        self._cache = cache
        self._caller = caller

    async def unary(self, route: Route, segments: list[str], request: Request) -> Response:
        """The kept answer, or the service's, which is kept then. Raises as Caller.unary does."""
        rule = route.method.cache
        if rule is None or not route.safe or not self._cache.live:
            return await self._caller.unary(route, segments, request)
        key = _key(route, request, rule.vary)
        entry = self._cache.get(key)
        if entry is not None:
            CACHE_HITS.labels(route.method.path).inc()
            return _fresh(entry, request.headers.get(b"if-none-match"))
        started = time.monotonic()
        message = await self._caller.message(route, segments, request)
        response = await self._caller.answer(route, message, request)
        if response.status == 200:
            self._cache.put(key, response, rule.ttl, fill(rule.tags, message), started)
        return response


def _key(route: Route, request: Request, vary: tuple[str, ...]) -> bytes:
    # A caller shows who they are in either header: an answer that depends on one depends on both. Whoever must show it
    # shares no entry, whatever the contract says.
    by_caller = not route.method.public or any(name in _CREDENTIALS for name in vary)
    names = (*vary, *_CREDENTIALS) if by_caller else vary
    parts = [request.path, request.query, *(request.headers.get(name.encode()) for name in names)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=20).digest()


def _fresh(entry: _Entry, if_none_match: str) -> Response:
    age = (b"age", str(int(time.monotonic() - entry.stored)).encode())
    kept = entry.response
    if if_none_match and entry.etag and etag_matches(if_none_match, entry.etag):
        return Response(304, [pair for pair in kept.headers if pair[0] in (b"etag", b"cache-control")] + [age])
    return Response(200, [*kept.headers, age], kept.body)


def fill(templates: Iterable[str], message: Message) -> tuple[str, ...]:
    """Tags with the values of a message's fields in their braces; an enum by its number."""
    return tuple(_PLACEHOLDER.sub(lambda found: _value(message, found.group(1)), each) for each in templates)


def _value(message: Any, path: str) -> str:
    for name in path.split("."):
        message = getattr(message, name)
    return str(int(message)) if isinstance(message, int) else str(message)
