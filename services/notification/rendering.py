"""Texts from templates: one file per kind and language, laid out for e-mail and for the list in the app.

A kind's template has blocks: `subject` (one line), `lead` (paragraphs), `facts` (lines "label | value"), `action`
("label | address") and `note` (small print); all but the first two may be absent. They are plain text; the two layouts
put them into text and HTML, where everything is escaped. So no value can become markup, and no template can forget to
escape.

Compiled templates stay in the process: compiling all of them takes milliseconds once, less than asking Redis each time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar

from jinja2 import PackageLoader, StrictUndefined, Template, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedEnvironment

from services.notification.domain.notification import Kind, Money, Values
from services.notification.formats import COLON, DIRECTION, amount, known, long_date, moment

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_ISOLATES = str.maketrans("", "", FIRST_STRONG_ISOLATE + POP_ISOLATE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e]+")
SEPARATOR = " | "

T = TypeVar("T")


class IncompleteContent(Exception):
    """A value that the text needs is missing or empty; what is left of it must not be sent."""


class Address(str):
    """A web address: left as it is, where other values are isolated from right-to-left text around them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered e-mail."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A notification as the app lists it."""

    title: str
    body: str


class Renderer:
    """Renders notifications in "en", "fr" and "ar"; other locales are English."""

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._environments = {locale: _environment(locale) for locale in DIRECTION}
        layouts = SandboxedEnvironment(
            loader=_loader("layout"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._html = layouts.get_template("mail.html.j2")
        self._text = layouts.overlay(autoescape=False).get_template("mail.txt.j2")

    def digest(self, kind: Kind, values: Values, locale: str) -> Digest:
        """Title and body in plain text. Where a value is missing, a sentence that says so: one notification with a hole
        must not hide the others in its list."""
        try:
            blocks = self._blocks(kind, values, known(locale), ("subject", "lead"))
        except IncompleteContent:
            frame = self._environments[known(locale)].get_template("frame.j2")
            return Digest(self._block(frame, "unreadable", {}), "")
        return Digest(blocks["subject"].translate(_ISOLATES), "\n\n".join(_paragraphs(blocks["lead"])))

    def mail(self, kind: Kind, values: Mapping[str, Any], locale: str) -> Message:
        """The whole e-mail. `values` also holds `name`, and what the kind's action needs. Raises IncompleteContent."""
        locale = known(locale)
        blocks = self._blocks(kind, values, locale, ("subject", "lead", "facts", "action", "note"))
        frame = self._environments[locale].get_template("frame.j2")
        subject = blocks["subject"].translate(_ISOLATES)
        layout = {
            "locale": locale,
            "direction": DIRECTION[locale],
            "colon": COLON[locale],
            "subject": subject,
            "greeting": self._block(frame, "greeting", values),
            "paragraphs": _paragraphs(blocks["lead"]),
            "facts": [_pair(line) for line in blocks["facts"].splitlines() if line.strip()],
            "action": _pair(blocks["action"]) if blocks["action"].strip() else None,
            "notes": _paragraphs(blocks["note"]) + _paragraphs(self._block(frame, "footer", values)),
        }
        return Message(subject, self._text.render(layout).strip() + "\n", self._html.render(layout))

    def _blocks(self, kind: Kind, values: Mapping[str, Any], locale: str, names: tuple[str, ...]) -> dict[str, str]:
        template = self._environments[locale].get_template(f"{kind.value.lower()}.j2")
        return {name: self._block(template, name, values) if name in template.blocks else "" for name in names}

    def _block(self, template: Template, name: str, values: Mapping[str, Any]) -> str:
        context = template.new_context({"public_url": Address(self._public_url), **values})
        try:
            return "".join(template.blocks[name](context)).strip()
        except UndefinedError as error:
            raise IncompleteContent(f"{template.name}: {error.message}") from None


def _environment(locale: str) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=_loader(locale),
        undefined=StrictUndefined,
        autoescape=False,
        finalize=_RightToLeft() if DIRECTION[locale] == "rtl" else _LeftToRight(),
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def as_date(value: date) -> str:
        return long_date(_present(value), locale)

    def as_money(value: Money) -> str:
        return amount(_present(value), locale)

    def as_moment(value: datetime, time_zone: str) -> str:
        return moment(_present(value), locale, time_zone)

    environment.filters.update(date=as_date, money=as_money, moment=as_moment, address=Address)
    return environment


def _present(value: T) -> T:
    """The value a filter was given. Raises IncompleteContent for none, where the filter itself would only stumble."""
    if isinstance(value, StrictUndefined):
        str(value)  # raises, with the variable's name
    if value is None or value == "":
        raise IncompleteContent("a value is empty")
    return value


def _loader(folder: str) -> PackageLoader:
    return PackageLoader("services.notification", f"templates/{folder}")


class _LeftToRight:
    """What every value passes on its way into a text: one line, no control characters, never empty."""

    def __call__(self, value: object) -> str:
        if isinstance(value, StrictUndefined):
            return str(value)
        text = _CONTROLS.sub(" ", str(value)).strip()
        if value is None or not text:
            raise IncompleteContent("a value is empty")
        return text if isinstance(value, Address) else self._placed(text)

    def _placed(self, text: str) -> str:
        return text


class _RightToLeft(_LeftToRight):
    """The same, each value isolated: a Latin title keeps its order inside Arabic text, and the text its own."""

    def _placed(self, text: str) -> str:
        return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split("\n")).strip() for part in text.split("\n\n") if part.strip()]


def _pair(line: str) -> tuple[str, str]:
    label, _, value = line.partition(SEPARATOR)
    return label.strip(), value.strip()
