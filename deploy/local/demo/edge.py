"""A client of the public API that shows what it asks and what it gets."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
from rich.console import Console
from rich.syntax import Syntax

SECRET = re.compile(r"password|token$|secret", re.IGNORECASE)
SHOWN_CHARACTERS = 1500
POLL_SECONDS = 0.25


class StepFailed(Exception):
    """The journey cannot go on; the text says why."""


class Edge:
    """The public API as one person uses it. Every call is printed, secrets left out."""

    def __init__(self, client: httpx.Client, screen: Console) -> None:
        self._client = client
        self._screen = screen
        self._token = ""

    def sign_in(self, access_token: str) -> None:
        """Calls carry this token from now on."""
        self._token = access_token

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, quiet: bool = False) -> dict[str, Any]:
        return self._call("GET", path, params=params, quiet=quiet)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """With an Idempotency-Key of its own."""
        return self._call("POST", path, body=body, headers={"idempotency-key": str(uuid4())})

    def until(
        self, path: str, holds: Callable[[dict[str, Any]], bool], what: str, seconds: float = 20.0
    ) -> dict[str, Any]:
        """Asks again until the answer is as wanted; shows the last one."""
        end = time.monotonic() + seconds
        while not holds(found := self.get(path, quiet=True)):
            if time.monotonic() > end:
                raise StepFailed(f"not within {seconds:.0f} s: {what}")
            time.sleep(POLL_SECONDS)
        return self.get(path) if holds(found) else found

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> dict[str, Any]:
        sent = dict(headers or {})
        if self._token:
            sent["authorization"] = f"Bearer {self._token}"
        return exchange(self._client, self._screen, method, path, quiet=quiet, params=params, json=body, headers=sent)


def exchange(
    client: httpx.Client, screen: Console, method: str, path: str, *, quiet: bool = False, **arguments: Any
) -> dict[str, Any]:
    """One request and its JSON answer, shown unless it is quiet. StepFailed where nothing, or an error, comes back."""
    arguments = {name: value for name, value in arguments.items() if value is not None}
    request = client.build_request(method, path, **arguments)
    if not quiet:
        screen.print(f"  [bold cyan]{method}[/] {request.url}", highlight=False, soft_wrap=True)
        _show(screen, arguments.get("json") or arguments.get("data"))
    started = time.perf_counter()
    try:
        response = client.send(request)
    except httpx.HTTPError as error:
        raise StepFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
    answer = orjson.loads(response.content) if response.content else {}
    if not quiet or response.is_error:
        colour = "red" if response.is_error else "green"
        took = (time.perf_counter() - started) * 1000
        screen.print(f"  [{colour}]{response.status_code} {response.reason_phrase}[/] [dim]{took:.0f} ms[/]")
        _show(screen, answer, whole=response.is_error)
    if response.is_error:
        raise StepFailed(f"{method} {path} answered {response.status_code}")
    return dict(answer)


def public_client(base_url: str, authority: Path) -> httpx.Client:
    """A client that trusts the development CA and nothing else. StepFailed where the mesh never ran here."""
    if not authority.is_file():
        raise StepFailed(f"no development certificates at {authority}: start the mesh first (kerya up)")
    return httpx.Client(base_url=base_url, verify=ssl.create_default_context(cafile=str(authority)), timeout=15.0)


def _show(screen: Console, document: Any, *, whole: bool = False) -> None:
    if not document:
        return
    text = orjson.dumps(_masked(document, whole)).decode()
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + " …"
    screen.print(Syntax(text, "json", theme="ansi_dark", word_wrap=True, background_color="default"))


def _masked(value: Any, whole: bool) -> Any:
    """Without secrets; long lists by their length, unless the whole is asked for."""
    if isinstance(value, Mapping):
        return {
            name: "•••" if SECRET.search(name) and isinstance(inner, str) else _masked(inner, whole)
            for name, inner in value.items()
        }
    if not isinstance(value, list):
        return value
    if not whole and len(value) > 1 and isinstance(value[0], Mapping):
        return f"… {len(value)} of them"
    return [_masked(inner, whole) for inner in value]
