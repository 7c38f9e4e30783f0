"""`python -m deploy.local.collector`: the collector in the foreground until SIGTERM or SIGINT."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deploy.local.collector.page import Page
from deploy.local.collector.receiver import Receiver, listen
from deploy.local.collector.settings import Settings
from deploy.local.collector.spans import Lines, Spans
from deploy.local.sandbox.serve import run
from deploy.local.sandbox.web import App

GRACE_SECONDS = 1.0


def main() -> None:
    settings = Settings()
    spans = Spans(settings.collector_spans)
    receiver = Receiver(spans, Lines(settings.collector_directory, settings.collector_file_bytes))
    host, port = settings.page_address()
    print(f"traces on http://{host}:{port}, OTLP on {settings.collector_listen}", file=sys.stderr, flush=True)
    run(App(Page(spans).routes(), _receiving(receiver, settings.collector_listen)), host, port)


@asynccontextmanager
async def _receiving(receiver: Receiver, address: str) -> AsyncIterator[None]:
    server = await listen(receiver, address)
    try:
        yield
    finally:
        await server.stop(GRACE_SECONDS)


if __name__ == "__main__":
    main()
