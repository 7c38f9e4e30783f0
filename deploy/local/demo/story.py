"""The journey: list, find, quote, book, pay, be told; then cancel another booking and get the money back."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deploy.local.demo.edge import POLL_SECONDS, Edge, StepFailed, exchange

MAIL_SECONDS = 30.0
TO_CLIENT = {
    "email_verification": 1,
    "welcome": 1,
    "booking_confirmed": 2,
    "booking_cancelled": 1,
    "payment_refunded": 1,
}
TO_HOST = {"email_verification": 1, "welcome": 1, "booking_received": 2, "booking_cancelled": 1}


class Person:
    """Somebody with an address, an account and a client of their own."""

    def __init__(self, name: str, locale: str, edge: Edge, run: str) -> None:
        self.name = name
        self.locale = locale
        self.edge = edge
        self.email = f"{name.lower()}.{run}@example.com"


class Story:
    """Plays the journey; any step that fails raises StepFailed."""

    def __init__(self, public: httpx.Client, sandbox: httpx.Client, screen: Console) -> None:
        self._sandbox = sandbox
        self._screen = screen
        self._run = secrets.token_hex(4)
        self.host = Person("Karim", "ar", Edge(public, screen), self._run)
        self.client = Person("Lina", "fr", Edge(public, screen), self._run)

    def play(self) -> None:
        self._register(self.host, ["HOST"])
        property_id = self._list_property()
        self._register(self.client, [])
        self._search(property_id)
        first_day = datetime.now(UTC).date() + timedelta(days=45)
        stay = self._book(property_id, first_day, "first")
        other = self._book(property_id, first_day + timedelta(days=10), "second")
        self._cancel(other)
        kept = self.client.edge.get(f"/v1/bookings/{stay}", quiet=True)
        _check(kept["state"] == "CONFIRMED", "the first booking must stand")
        self._show_mails(self.host, TO_HOST)
        self._show_mails(self.client, TO_CLIENT)

    def _register(self, person: Person, roles: list[str]) -> None:
        self._title(f"{person.name} registers, and proves the e-mail address")
        body = {
            "email": person.email,
            "password": f"{secrets.token_urlsafe(18)} demo",
            "displayName": person.name,
            "locale": person.locale,
            "roles": roles,
        }
        answer = person.edge.post("/v1/auth:register", body)
        person.edge.sign_in(answer["tokens"]["accessToken"])
        mail = self._mail(person, "email_verification")
        token = re.search(r"verify-email\?token=(\S+)", mail["text"])
        _check(token is not None, "the e-mail must hold a token")
        assert token is not None
        person.edge.post("/v1/auth:verifyEmail", {"token": token[1]})

    def _list_property(self) -> str:
        self._title("Karim lists a property and publishes it")
        body = {
            "kind": "APARTMENT",
            "title": f"Dar El Bahr {self._run}",
            "description": "شقة هادئة تطل على البحر.\nUn appartement calme face à la mer, à deux pas du tramway.",
            "location": {
                "streetAddress": "12 rue Didouche Mourad",
                "city": "Alger",
                "region": "Alger",
                "countryCode": "DZ",
                "otherNames": ["الجزائر"],
                "point": {"latitude": 36.7692, "longitude": 3.0549},
            },
            "maxGuests": 4,
            "bedroomCount": 2,
            "bedCount": 3,
            "bathroomCount": 1,
            "amenities": ["WIFI", "KITCHEN", "SEA_VIEW"],
            "rates": {
                "nightlyPrice": {"currencyCode": "DZD", "units": "9000"},
                "weekendPrice": {"currencyCode": "DZD", "units": "11000"},
                "cleaningFee": {"currencyCode": "DZD", "units": "2500"},
                "minNights": 2,
            },
            "cancellationPolicy": "FLEXIBLE",
            "instantBook": True,
        }
        property_id: str = self.host.edge.post("/v1/properties", body)["propertyId"]
        published = self.host.edge.post(f"/v1/properties/{property_id}:publish", {})
        _check(published["state"] == "PUBLISHED", "the property must be published")
        return property_id

    def _search(self, property_id: str) -> None:
        self._title("Lina searches")
        found = self.client.edge.get("/v1/properties:search", {"query": f"Dar El Bahr {self._run}", "guestCount": 2})
        ids = [card["propertyId"] for card in found.get("properties", [])]
        _check(property_id in ids, "the search must find the property")

    def _book(self, property_id: str, first_day: date, ordinal: str) -> str:
        self._title(f"Lina gets a quote, books and pays: {ordinal} stay")
        quote = self.client.edge.post(
            "/v1/quotes",
            {
                "propertyId": property_id,
                "checkInDate": _day(first_day),
                "checkOutDate": _day(first_day + timedelta(days=3)),
                "guestCount": 2,
            },
        )
        booking = self.client.edge.post("/v1/bookings", {"quoteToken": quote["quoteToken"]})
        _check(booking["state"] == "HELD", "the nights must be held")
        self._pay(booking["payment"])
        path = f"/v1/bookings/{booking['bookingId']}"
        confirmed = self.client.edge.until(path, lambda found: found["state"] != "HELD", "the booking is confirmed")
        _check(confirmed["state"] == "CONFIRMED", "the booking must be confirmed")
        return str(booking["bookingId"])

    def _pay(self, payment: dict[str, Any]) -> None:
        """What the provider's library does in the client's browser."""
        form = {"payment_method": "pm_card_visa", "client_secret": payment["clientSecret"]}
        headers = {"authorization": f"Bearer {payment.get('publishableKey') or 'pk_test_demo'}"}
        path = f"/stripe/v1/payment_intents/{payment['paymentIntentId']}/confirm"
        paid = exchange(self._sandbox, self._screen, "POST", path, data=form, headers=headers)
        _check(paid["status"] == "succeeded", "the payment must succeed")

    def _cancel(self, booking_id: str) -> None:
        self._title("Lina cancels the second stay and is refunded")
        path = f"/v1/bookings/{booking_id}"
        self.client.edge.post(f"{path}:previewCancellation", {})
        cancelled = self.client.edge.post(f"{path}:cancel", {"reason": "Our plans have changed."})
        _check(cancelled["state"] == "CANCELLED", "the booking must be cancelled")
        due = cancelled["cancellation"].get("refund", {})
        _check(int(due.get("units", 0)) > 0, "a refund must be due")
        refunded = self.client.edge.until(
            path, lambda found: found["payment"].get("refunded", {}).get("units") == due["units"], "the refund is made"
        )
        self._screen.print(f"  refunded: {refunded['payment']['refunded']['units']} {due['currencyCode']}")

    def _show_mails(self, person: Person, expected: dict[str, int]) -> None:
        self._title(f"What {person.name} got by e-mail")
        end = time.monotonic() + MAIL_SECONDS
        while missing := self._missing(found := self._inbox(person), expected):
            if time.monotonic() > end:
                raise StepFailed(f"{person.name} did not get: {', '.join(missing)}")
            time.sleep(POLL_SECONDS)
        table = Table("kind", "subject", box=None, header_style="dim")
        for mail in reversed(found):
            table.add_row(", ".join(mail["categories"]), mail["subject"])
        self._screen.print(table)
        extra = len(found) - sum(expected.values())
        _check(extra == 0, f"{person.name} must get each message once; there are {extra} too many")

    def _missing(self, found: list[dict[str, Any]], expected: dict[str, int]) -> list[str]:
        kinds = [kind for mail in found for kind in mail["categories"]]
        return [kind for kind, number in expected.items() if kinds.count(kind) < number]

    def _mail(self, person: Person, kind: str) -> dict[str, Any]:
        end = time.monotonic() + MAIL_SECONDS
        while True:
            for mail in self._inbox(person):
                if kind in mail["categories"]:
                    self._screen.print(f"  [dim]e-mail to {person.name}:[/] {mail['subject']}")
                    return mail
            if time.monotonic() > end:
                raise StepFailed(f"{person.name} got no {kind} e-mail within {MAIL_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _inbox(self, person: Person) -> list[dict[str, Any]]:
        found = exchange(self._sandbox, self._screen, "GET", "/inbox", quiet=True, params={"to": person.email})
        return list(found["emails"])

    def _title(self, text: str) -> None:
        self._screen.print(f"\n[bold]▸ {text}[/]")


def _day(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}


def _check(holds: bool, text: str) -> None:
    if not holds:
        raise StepFailed(text)
