"""The page: recent traces, and one trace as a waterfall."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from deploy.local.collector.spans import Document, Spans
from deploy.local.sandbox.page import html
from deploy.local.sandbox.web import Request, Response, Route, json

RECENT = 100


class Page:
    """`/` and `/traces/{id}/page` for a person; `/traces` and `/traces/{id}` as JSON."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self._overview),
            Route("GET", "/healthz", self._health),
            Route("GET", "/traces", self._list),
            Route("GET", "/traces/{trace_id}", self._trace),
            Route("GET", "/traces/{trace_id}/page", self._waterfall),
        ]

    async def _health(self, _: Request) -> Response:
        return json({"status": "ok"})

    async def _list(self, _: Request) -> Response:
        return json({"traces": self._spans.recent(RECENT)})

    async def _trace(self, request: Request) -> Response:
        spans = self._spans.trace(request.params["trace_id"])
        if not spans:
            return json({"error": "no such trace in memory"}, 404)
        return json({"trace_id": request.params["trace_id"], "spans": spans})

    async def _overview(self, _: Request) -> Response:
        rows = "".join(_line(trace) for trace in self._spans.recent(RECENT))
        head = "<tr><th>trace</th><th>services</th><th>spans</th><th>errors</th><th>ms</th></tr>"
        return html("Traces", f"<table>{head}{rows}</table>" if rows else '<p class="none">Nothing yet.</p>')

    async def _waterfall(self, request: Request) -> Response:
        spans = self._spans.trace(request.params["trace_id"])
        if not spans:
            return json({"error": "no such trace in memory"}, 404)
        start, end = spans[0]["start"], max(span["end"] for span in spans)
        rows = "".join(_bar(span, start, max(end - start, 1)) for span in spans)
        head = "<tr><th>service</th><th>span</th><th>ms</th><th></th></tr>"
        return html(f"Trace {request.params['trace_id']}", f"<table>{head}{rows}</table>")


def _line(trace: Document) -> str:
    link = f'<a href="/traces/{quote(trace["trace_id"])}/page">{escape(trace["name"])}</a>'
    services = escape(", ".join(trace["services"]))
    cells = f"<td>{trace['spans']}</td><td>{trace['errors']}</td><td>{trace['milliseconds']}</td>"
    return f"<tr><td>{link}</td><td>{services}</td>{cells}</tr>"


def _bar(span: Document, start: int, length: int) -> str:
    left, width = (span["start"] - start) / length * 100, max((span["end"] - span["start"]) / length * 100, 0.3)
    colour = "#c33" if span["status"] == "ERROR" else "#38c"
    bar = f'<div style="margin-left:{left:.2f}%;width:{width:.2f}%;background:{colour};height:.8rem"></div>'
    milliseconds = f"{(span['end'] - span['start']) / 1e6:.2f}"
    name = f"{escape(span['name'])} <small>{span['kind'].lower()}</small>"
    cells = f"<td>{escape(span['service'])}</td><td>{name}</td><td>{milliseconds}</td>"
    return f'<tr>{cells}<td style="width:50%">{bar}</td></tr>'
