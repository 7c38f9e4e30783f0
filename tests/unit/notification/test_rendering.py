"""Every kind in every language, against the texts in `golden/`; `UPDATE_GOLDEN=1` writes them anew for review."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from services.notification.domain.notification import Kind, Money
from services.notification.formats import amount, long_date, moment
from services.notification.rendering import FIRST_STRONG_ISOLATE, POP_ISOLATE, IncompleteContent, Renderer

GOLDEN = Path(__file__).parent / "golden"
LOCALES = ("en", "fr", "ar")
NAMES = {"en": "Amina", "fr": "Yasmine", "ar": "أمينة"}
VALUES: dict[str, Any] = {
    "time_zone": "Africa/Algiers",
    "token": "tok_123",
    "expires_at": datetime(2026, 12, 2, 9, 30, tzinfo=UTC),
    "property_title": "Dar El Bahr",
    "check_in_date": date(2027, 3, 4),
    "check_out_date": date(2027, 3, 7),
    "guest_count": 2,
    "total": Money(3_600_050, "DZD"),
    "refund": Money(1_800_000, "DZD"),
    "amount": Money(1_800_000, "DZD"),
    "booking_id": "booking_01k2",
    "property_id": "property_01k2",
    "recipient": "CLIENT",
    "cancelled_by": "HOST",
    "reason": "PAID_LATE",
}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer("https://kerya.example/")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", list(Kind))
def test_golden(renderer: Renderer, kind: Kind, locale: str) -> None:
    mail = renderer.mail(kind, VALUES | {"name": NAMES[locale]}, locale)
    text, page = f"Subject: {mail.subject}\n\n{mail.text}", mail.html
    folder = GOLDEN / locale
    if os.environ.get("UPDATE_GOLDEN"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind.value.lower()}.txt").write_text(text)
        (folder / f"{kind.value.lower()}.html").write_text(page)
    assert text == (folder / f"{kind.value.lower()}.txt").read_text()
    assert page == (folder / f"{kind.value.lower()}.html").read_text()


@pytest.mark.parametrize("kind", list(Kind))
def test_all_languages_say_the_same(renderer: Renderer, kind: Kind) -> None:
    """The same facts, addresses and numbers in each: a translation that lost one would be noticed here."""
    shapes = set()
    for locale in LOCALES:
        mail = renderer.mail(kind, VALUES | {"name": NAMES[locale]}, locale)
        links = re.findall(r"https://\S+", mail.text)
        shapes.add((mail.html.count("<tr>"), tuple(links), "Dar El Bahr" in mail.subject))
    assert len(shapes) == 1


@pytest.mark.parametrize("recipient", ["CLIENT", "HOST"])
@pytest.mark.parametrize("party", ["CLIENT", "HOST", "PLATFORM"])
def test_who_cancelled_is_told_apart(renderer: Renderer, recipient: str, party: str) -> None:
    for locale in LOCALES:
        values = VALUES | {"name": "X", "recipient": recipient, "cancelled_by": party}
        lead = renderer.digest(Kind.BOOKING_CANCELLED, values, locale).body
        mirrored = VALUES | {
            "name": "X",
            "recipient": "HOST" if recipient == "CLIENT" else "CLIENT",
            "cancelled_by": party,
        }
        assert lead
        if party != "PLATFORM":
            assert lead != renderer.digest(Kind.BOOKING_CANCELLED, mirrored, locale).body


def test_arabic_runs_from_right_to_left_and_keeps_latin_in_order(renderer: Renderer) -> None:
    mail = renderer.mail(Kind.BOOKING_CONFIRMED, VALUES | {"name": "أمينة"}, "ar")
    assert '<html lang="ar" dir="rtl">' in mail.html
    assert f"{FIRST_STRONG_ISOLATE}Dar El Bahr{POP_ISOLATE}" in mail.text
    assert mail.text.count(FIRST_STRONG_ISOLATE) == mail.text.count(POP_ISOLATE)
    # Mail programs show subjects plainly, and a link with hidden characters in it does not work.
    assert FIRST_STRONG_ISOLATE not in mail.subject
    assert "https://kerya.example/bookings/booking_01k2\n" in mail.text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    "attack",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}{% include 'x' %}", "a\r\nBcc: all@example.dz",
     "\u202egnp.exe", "x | javascript:alert(1)"],
)  # fmt: skip
def test_values_stay_values(renderer: Renderer, kind: Kind, attack: str) -> None:
    plain = renderer.mail(kind, VALUES | {"name": "n"}, "ar")
    mail = renderer.mail(kind, VALUES | {"name": attack, "property_title": attack}, "ar")
    expected, found = _Tags(), _Tags()
    expected.feed(plain.html)
    found.feed(mail.html)
    assert found.seen == expected.seen
    assert "\n" not in mail.subject and "\r" not in mail.subject and "\u202e" not in mail.text
    assert "49" not in mail.subject
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', mail.html))


@pytest.mark.parametrize("hole", ["", "   ", "\n", None])
@pytest.mark.parametrize("locale", LOCALES)
def test_an_empty_value_is_refused(renderer: Renderer, locale: str, hole: str | None) -> None:
    with pytest.raises(IncompleteContent):
        renderer.mail(Kind.BOOKING_CONFIRMED, VALUES | {"name": "X", "property_title": hole}, locale)


@pytest.mark.parametrize("missing", ["property_title", "total", "check_in_date", "name", "booking_id"])
def test_a_missing_value_is_refused_and_named(renderer: Renderer, missing: str) -> None:
    values = {name: value for name, value in (VALUES | {"name": "X"}).items() if name != missing}
    with pytest.raises(IncompleteContent, match=missing):
        renderer.mail(Kind.BOOKING_CONFIRMED, values, "fr")


def test_a_list_entry_with_a_hole_says_so(renderer: Renderer) -> None:
    digest = renderer.digest(Kind.BOOKING_EXPIRED, {"property_title": ""}, "fr")
    assert digest.title == "Une notification qui ne peut pas être affichée"


def test_a_template_reaches_nothing_but_its_values(renderer: Renderer) -> None:
    """The sandbox: even a template that was tampered with gets no Python."""
    environment = renderer._environments["en"]
    with pytest.raises(Exception, match=r"unsafe|__class__"):
        environment.from_string("{{ ''.__class__.__mro__ }}").render()


def test_an_unknown_language_is_english(renderer: Renderer) -> None:
    assert renderer.digest(Kind.WELCOME, {}, "tlh").title == "Welcome to Kerya"


@pytest.mark.parametrize(
    ("money", "locale", "shown"),
    [
        (Money(3_600_050, "DZD"), "en", "DZD36,000.50"),
        (Money(3_600_050, "DZD"), "fr", "36\u202f000,50\xa0DA"),
        (Money(500, "JPY"), "en", "¥500"),
        (Money(1_234, "KWD"), "en", "KWD1.234"),
        (Money(0, "EUR"), "en", "€0.00"),
    ],
)
def test_money_has_its_currencys_decimals(money: Money, locale: str, shown: str) -> None:
    assert amount(money, locale) == shown


def test_dates_and_moments_are_the_readers() -> None:
    assert long_date(date(2027, 3, 4), "fr") == "jeudi 4 mars 2027"
    assert "الخميس" in long_date(date(2027, 3, 4), "ar")
    assert moment(datetime(2026, 12, 1, 23, 30, tzinfo=UTC), "en", "Africa/Algiers") == "2 December 2026, 00:30"
