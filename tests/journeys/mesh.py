"""The whole mesh as one thing that tests can start, use and hurt: `kerya up` on free ports, in a temporary folder."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from deploy.local.probe import is_free

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120.0
# The ports of deploy/topology.yaml, from the base on.
OFFSETS = (80, 90, 101, 102, 103, 104, 201, 202, 203, 204, 290, 317, 318, 422, 443, 532, 600, 679, 822, 1901, 1902)
PASSWORD = "zebra lantern 4417 quilt"
Json = dict[str, Any]


@dataclass
class Mesh:
    """A running mesh. `base` is KERYA_PORT_BASE, `home` its state directory."""

    home: Path
    base: int
    process: subprocess.Popen[bytes]
    log: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, verify=self.tls, timeout=20)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.base + 443}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.base + 600}"

    @property
    def authority(self) -> Path:
        return self.home / "pki" / "ca.pem"

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.home, self.base)

    def status(self) -> dict[str, Json]:
        """The components by name, as `kerya status --json` gives them."""
        state = json.loads((self.home / "run" / "state.json").read_bytes())
        return {part["component"]: part for part in state["components"]}

    def kill(self, component: str, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.status()[component]["pid"], number)

    def wait_ready(self, *components: str, within: float = 60.0) -> None:
        """Waits until the components, all of them if none is named, are ready again."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            found = self.status()
            if all(found[name]["state"] == "ready" for name in components or found):
                return
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.status()}")

    def call(
        self, verb: str, path: str, body: Json | None = None, token: str = "", key: str = "", **headers: str
    ) -> httpx.Response:
        """One request to the edge; writes get a fresh Idempotency-Key unless `key` is given."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["authorization"] = f"Bearer {token}"
        if verb != "GET":
            sent["idempotency-key"] = key or str(uuid4())
        return self.http.request(verb, path, json=body, headers=sent)

    def ask(self, verb: str, path: str, body: Json | None = None, token: str = "", **more: str) -> Json:
        """The same, and the answer must be good."""
        response = self.call(verb, path, body, token, **more)
        assert response.is_success, f"{verb} {path}: {response.status_code} {response.text}"
        return dict(response.json()) if response.content else {}

    def inbox(self, address: str) -> list[Json]:
        """The e-mails the sandbox took for an address, newest first."""
        return list(httpx.get(f"{self.sandbox}/inbox", params={"to": address}, timeout=10).json()["emails"])

    def mail(self, address: str, word: str, within: float = 20.0) -> Json:
        """Waits for an e-mail whose subject or text holds `word`."""
        found: Json = eventually(
            lambda: next((m for m in self.inbox(address) if word in m["subject"] + m["text"]), None), within
        )
        return found

    def pay(self, payment: Json, card: str = "pm_card_visa") -> httpx.Response:
        """Confirms a PaymentIntent as the provider's library does in the client's browser."""
        return httpx.post(
            f"{self.sandbox}/stripe/v1/payment_intents/{payment['paymentIntentId']}/confirm",
            data={"payment_method": card, "client_secret": payment["clientSecret"]},
            headers={"authorization": f"Bearer {payment['publishableKey']}"},
            timeout=20,
        )


@dataclass
class Person:
    """A registered, verified and signed-in user."""

    mesh: Mesh
    email: str
    user_id: str
    token: str

    def call(self, verb: str, path: str, body: Json | None = None, **more: str) -> httpx.Response:
        return self.mesh.call(verb, path, body, self.token, **more)

    def ask(self, verb: str, path: str, body: Json | None = None, **more: str) -> Json:
        return self.mesh.ask(verb, path, body, self.token, **more)


def register(mesh: Mesh, *roles: str, locale: str = "en", name: str = "Amel K") -> Person:
    """Registers over REST, verifies by the link in the e-mail, signs in."""
    email = f"person-{uuid4().hex[:12]}@example.com"
    body = {"email": email, "password": PASSWORD, "displayName": name, "locale": locale, "roles": list(roles)}
    mesh.ask("POST", "/v1/auth:register", body)
    token = re.search(r"token=([\w-]+)", mesh.mail(email, "token=")["text"])
    assert token is not None
    mesh.ask("POST", "/v1/auth:verifyEmail", {"token": token.group(1)})
    return login(mesh, email)


def login(mesh: Mesh, email: str) -> Person:
    """Signs in somebody who is registered."""
    tokens = mesh.ask("POST", "/v1/auth:login", {"email": email, "password": PASSWORD})
    me = mesh.ask("GET", "/v1/users/me", token=tokens["accessToken"])
    return Person(mesh, email, me["userId"], tokens["accessToken"])


def listing(host: Person, **changed: Any) -> str:
    """Lists and publishes a property; answers its id."""
    body: Json = {
        "title": "Appartement F3 Hydra",
        "description": "Grand appartement lumineux avec terrasse et vue sur la baie, au calme.",
        "kind": "APARTMENT",
        "maxGuests": 4,
        "timeZone": "Africa/Algiers",
        "location": {
            "streetAddress": "1 rue des Pins",
            "city": "Alger",
            "countryCode": "DZ",
            "point": {"latitude": 36.75, "longitude": 3.03},
        },
        "rates": {"nightlyPrice": {"currencyCode": "DZD", "units": "8000"}},
    }
    created = host.ask("POST", "/v1/properties", {**body, **changed})
    host.ask("POST", f"/v1/properties/{created['propertyId']}:publish", {})
    return str(created["propertyId"])


def day(offset: int) -> Json:
    """The date `offset` days from today, as google.type.Date in JSON."""
    when = date.today() + timedelta(days=offset)
    return {"year": when.year, "month": when.month, "day": when.day}


def quote(client: Person, property_id: str, first: int = 60, nights: int = 3, guests: int = 2) -> Json:
    body = {
        "propertyId": property_id,
        "checkInDate": day(first),
        "checkOutDate": day(first + nights),
        "guestCount": guests,
    }
    return client.ask("POST", "/v1/quotes", body)


def book(client: Person, property_id: str, first: int = 60, nights: int = 3) -> Json:
    """Quotes and books; the booking is HELD."""
    return client.ask("POST", "/v1/bookings", {"quoteToken": quote(client, property_id, first, nights)["quoteToken"]})


def state_of(client: Person, booking_id: str) -> str:
    return str(client.ask("GET", f"/v1/bookings/{booking_id}")["state"])


def confirmed(client: Person, property_id: str, first: int = 60, nights: int = 3) -> Json:
    """Books, pays, and waits for the confirmation."""
    booking = book(client, property_id, first, nights)
    assert client.mesh.pay(booking["payment"]).is_success
    eventually(lambda: state_of(client, booking["bookingId"]) == "CONFIRMED" or None)
    return booking


def eventually(ask: Any, within: float = 20.0) -> Any:
    """The first answer that is not None; fails after `within` seconds."""
    until = time.monotonic() + within
    while (answer := ask()) is None:
        assert time.monotonic() < until, "it never came"
        time.sleep(0.1)
    return answer


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """HTTP status, canonical status and reason of an error; checks the shape that AIP-193 gives it."""
    error = response.json()["error"]
    assert error["code"] == response.status_code and error["message"]
    infos = [detail for detail in error["details"] if detail["@type"].endswith("google.rpc.ErrorInfo")]
    assert len(infos) == 1, error
    return response.status_code, error["status"], infos[0]["reason"]


def start(home: Path, *arguments: str, **settings: str) -> Mesh:
    """Runs `kerya up` with these arguments and settings, and waits for its ready line."""
    base = _free_base()
    log = home.with_suffix(".log")
    environment = {**_environment(home, base), **settings}
    command = [sys.executable, "-m", "deploy.local.cli", "up", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log.open("wb"), stderr=subprocess.STDOUT)
    until = time.monotonic() + READY_SECONDS
    while b"kerya is ready in" not in log.read_bytes():
        assert process.poll() is None and time.monotonic() < until, log.read_text()[-4000:]
        time.sleep(0.2)
    return Mesh(home, base, process, log)


def stop(mesh: Mesh) -> int:
    """Ctrl-C; the exit code."""
    mesh.http.close()
    mesh.process.send_signal(signal.SIGINT)
    return mesh.process.wait(60)


def _environment(home: Path, base: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KERYA_")}
    return {
        **inherited,
        "KERYA_HOME": str(home),
        "KERYA_PORT_BASE": str(base),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen")]),
        "CI": "1",
    }


def _free_base() -> int:
    # Below the ports that the kernel gives to callers, so that no connection sits on one of ours meanwhile.
    for base in random.sample(range(10_000, 30_000, 2_000), 10):
        if all(is_free(base + offset) for offset in OFFSETS):
            return base
    raise AssertionError("no free range of ports")
