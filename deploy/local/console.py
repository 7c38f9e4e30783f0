"""What a person (or, with --json, a program) sees of a run."""

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import IO, Any, Protocol

import orjson
from rich.console import Console as Screen
from rich.table import Table
from rich.text import Text

from deploy.local import logline
from deploy.local.component import State, Status

_COLOURS = (
    "cyan",
    "magenta",
    "green",
    "blue",
    "yellow",
    "bright_cyan",
    "bright_magenta",
    "bright_green",
    "bright_blue",
)
_LEVEL_STYLE = {"DEBUG": "dim", "INFO": "", "WARNING": "yellow", "ERROR": "bold red"}
_STATE_STYLE = {State.READY: "green", State.RESTARTING: "bold red", State.STOPPED: "dim"}
_WIDTH = 13


class Console(Protocol):
    """Takes everything there is to tell."""

    def line(self, component: str, text: str) -> None:
        """A line of a component's output."""

    def note(self, text: str, **facts: object) -> None:
        """A sentence of our own."""

    def change(self, status: Status, reason: str) -> None:
        """A component changed its state."""

    def table(self, statuses: Iterable[Status], links: Mapping[str, str]) -> None:
        """Every component, and where to go from here."""

    def problem(self, text: str, details: Iterable[str] = ()) -> None:
        """Why it does not go on, in one line, and what led to it."""


def console(*, json: bool, level: str) -> Console:
    return JsonConsole(sys.stdout, level) if json else PeopleConsole(level)


class PeopleConsole:
    """Prefixed lines; colour and links on a terminal, unless NO_COLOR or CI says otherwise."""

    def __init__(self, level: str, stream: IO[str] | None = None) -> None:
        plain = bool(os.environ.get("NO_COLOR") or os.environ.get("CI"))
        self._screen = Screen(
            file=stream, no_color=plain, force_terminal=False if plain else None, highlight=False, soft_wrap=True
        )
        self._level = level
        self._colours: dict[str, str] = {}

    def line(self, component: str, text: str) -> None:
        level, readable = logline.read(text)
        if logline.at_least(level, self._level):
            self._print(component, readable, _LEVEL_STYLE[level])

    def note(self, text: str, **facts: object) -> None:
        self._print("kerya", text, "bold")

    def change(self, status: Status, reason: str) -> None:
        if reason or status.state is State.READY:
            text = f"{status.state}: {reason}" if reason else str(status.state)
            self._print(status.name, text, _STATE_STYLE.get(status.state, ""))

    def table(self, statuses: Iterable[Status], links: Mapping[str, str]) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("component", "state", "pid", "restarts", "address"):
            table.add_column(heading)
        for status in statuses:
            state = Text(status.state, _STATE_STYLE.get(status.state, ""))
            table.add_row(status.name, state, str(status.pid or ""), str(status.restarts), _link(status.address))
        self._write(table)
        for title, address in links.items():
            self._write(Text(f"{title:<{_WIDTH}}").append_text(_link(address)))

    def problem(self, text: str, details: Iterable[str] = ()) -> None:
        for detail in details:
            self._print("", detail, "dim")
        self._print("kerya", text, "bold red")

    def _print(self, component: str, text: str, style: str) -> None:
        colour = self._colours.setdefault(component, _COLOURS[len(self._colours) % len(_COLOURS)])
        self._write(Text(f"{component:<{_WIDTH}}", colour).append("│ ", "dim").append(text, style))

    def _write(self, what: Text | Table) -> None:
        try:
            self._screen.print(what)
        except BrokenPipeError:  # whoever read us has gone; the mesh runs on
            self._screen = Screen(quiet=True)


class JsonConsole:
    """One JSON object a line: {"event": …}."""

    def __init__(self, stream: IO[str], level: str) -> None:
        self._stream = stream
        self._level = level
        self._gone = False

    def line(self, component: str, text: str) -> None:
        level, _ = logline.read(text)
        if logline.at_least(level, self._level):
            self._emit("line", component=component, level=level, text=text)

    def note(self, text: str, **facts: object) -> None:
        self._emit("note", text=text, **facts)

    def change(self, status: Status, reason: str) -> None:
        self._emit("state", **facts(status), reason=reason)

    def table(self, statuses: Iterable[Status], links: Mapping[str, str]) -> None:
        self._emit("table", components=[facts(status) for status in statuses], links=links)

    def problem(self, text: str, details: Iterable[str] = ()) -> None:
        self._emit("problem", text=text, details=list(details))

    def _emit(self, event: str, **fields: object) -> None:
        if self._gone:
            return
        try:
            self._stream.write(orjson.dumps({"event": event, **fields}).decode() + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._gone = True


def facts(status: Status) -> dict[str, Any]:
    """A status as JSON."""
    return {
        "component": status.name,
        "state": status.state,
        "pid": status.pid,
        "restarts": status.restarts,
        "since": status.since.isoformat(),
        "address": status.address,
    }


def status_of(told: Mapping[str, Any]) -> Status:
    """The status that `facts` told of."""
    since = datetime.fromisoformat(told["since"])
    return Status(told["component"], told["address"], State(told["state"]), told["pid"], told["restarts"], since)


def _link(address: str) -> Text:
    return Text(address, f"link {address}" if address.startswith("http") else "")
