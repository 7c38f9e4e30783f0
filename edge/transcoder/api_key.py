"""API keys at the edge: exchanged for a short-lived access token by the RPC that the contract marks."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from protobuf import DescMessage, message_from_json_value

from edge.transcoder.contract import ContractFault, Method
from edge.transcoder.upstream import Metadata, Reply, Upstream

PREFIX = "kerya_"
# A token is renewed this long before it ends, so that none ends on its way.
MARGIN_SECONDS = 30.0
MAX_ENTRIES = 10_000
TIMEOUT_SECONDS = 3.0


class ExchangeFailed(Exception):
    """The user service refused the key or could not be asked; `reply` says which."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.code)
        self.reply = reply


@dataclass(slots=True)
class _Token:
    value: str
    fresh_until: float


class ApiKeys:
    """Answers the bearer value for a key. A refused key is asked about each time; the RPC's own limit bounds that."""

    def __init__(self, method: Method, upstream: Upstream) -> None:
        self._upstream = upstream
        self._path = method.path
        self._input = method.input.type
        self._output = method.output.type
        _require(method.input, "api_key")
        _require(method.output, "access_token", "expire_time")
        # Keys are secrets: only their digests stay in memory.
        self._tokens: OrderedDict[bytes, _Token] = OrderedDict()

    async def authorization(self, key: str, metadata: Metadata) -> str:
        """The authorization value to call on with. Raises ExchangeFailed."""
        digest = hashlib.sha256(key.encode()).digest()
        token = self._tokens.get(digest)
        if token is None or token.fresh_until <= time.time():
            token = await self._exchange(key, metadata)
            self._tokens[digest] = token
            if len(self._tokens) > MAX_ENTRIES:
                self._tokens.popitem(last=False)
        return f"Bearer {token.value}"

    def forget(self) -> None:
        """Drops every token: a key was revoked, and which digest it has is not known here."""
        self._tokens.clear()

    async def _exchange(self, key: str, metadata: Metadata) -> _Token:
        wire = message_from_json_value(self._input, {"apiKey": key}).to_binary()
        reply = await self._upstream.unary(self._path.encode(), wire, metadata, TIMEOUT_SECONDS)
        if reply.code:
            raise ExchangeFailed(reply)
        answer: Any = self._output.from_binary(reply.wire)
        return _Token(answer.access_token, answer.expire_time.seconds - MARGIN_SECONDS)


def _require(message: DescMessage, *names: str) -> None:
    missing = set(names) - {field.name for field in message.fields}
    if missing:
        raise ContractFault(f"{message.type_name} lacks {sorted(missing)}")
