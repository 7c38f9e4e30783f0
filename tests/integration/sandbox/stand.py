"""The sandbox as it is run, a process of its own, and somebody to receive its webhooks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

SECRET_KEY = "sk_test_4f9c"
WEBHOOK_SECRET = "whsec_of_the_tests"


@dataclass
class Receiver:
    """Takes webhooks. `answers` is what it answers next, 200 when it is empty."""

    server: ThreadingHTTPServer
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1/webhooks/stripe"


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.answers.pop(0) if taken.answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: the test's assertions say what arrived."""

    taken = Receiver(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
    thread = threading.Thread(target=taken.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield taken
    taken.server.shutdown()
    thread.join()


@dataclass
class Sandbox:
    """One sandbox process and clients for its parts."""

    directory: Path
    webhook_url: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | {
            "KERYA_SANDBOX_LISTEN": f"127.0.0.1:{self.port}",
            "KERYA_SANDBOX_DIRECTORY": str(self.directory / "state"),
            "KERYA_SECRETS_DIRECTORY": str(self.directory),
            "KERYA_SANDBOX_STRIPE_WEBHOOK_URL": self.webhook_url,
            "KERYA_SANDBOX_SENDGRID_WEBHOOK_URL": self.webhook_url,
            "KERYA_SANDBOX_WEBHOOK_BACKOFF_SECONDS": "0.05",
        }
        self.process = subprocess.Popen([sys.executable, "-m", "deploy.local.sandbox"], env=environment)
        eventually(lambda: self._answers(), "the sandbox answers")

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=10)

    def stripe(self, method: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {SECRET_KEY}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return httpx.request(method, f"{self.url}/stripe/v1/{path}", data=form, headers=sent)

    def intent(self, **form: Any) -> dict[str, Any]:
        created = self.stripe("POST", "payment_intents", {"amount": 12_500, "currency": "dzd", **form})
        assert created.status_code == 200, created.text
        return dict(created.json())

    def paid(self, **form: Any) -> dict[str, Any]:
        return self.intent(confirm="true", payment_method="pm_card_visa", **form)

    def knob(self, **values: Any) -> None:
        assert httpx.post(f"{self.url}/knobs", json=values).status_code == 200

    def inbox(self, to: str = "") -> list[dict[str, Any]]:
        return list(httpx.get(f"{self.url}/inbox", params={"to": to}).json()["emails"])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.HTTPError:
            return False


def eventually(holds: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Waits until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)
