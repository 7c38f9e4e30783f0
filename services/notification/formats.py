"""Dates and money as people write them in the house's three languages."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, get_currency_precision

from services.notification.domain.notification import Money

# Algerian Arabic and French: Latin digits, the dinar's own sign, the week from Saturday or Sunday.
BABEL = {"ar": "ar_DZ", "fr": "fr_DZ", "en": "en"}
DIRECTION = {"ar": "rtl", "fr": "ltr", "en": "ltr"}
# French sets a no-break space before it.
COLON = {"ar": ":", "fr": "\u00a0:", "en": ":"}
DEFAULT_LOCALE = "en"


def known(locale: str) -> str:
    """The locale where the house speaks it, else English."""
    return locale if locale in BABEL else DEFAULT_LOCALE


def long_date(day: date, locale: str) -> str:
    """With the day of the week: "Tuesday, December 1, 2026"."""
    return format_date(day, "full", locale=BABEL[locale])


def moment(at: datetime, locale: str, time_zone: str) -> str:
    """A date with its time of day, in the reader's zone."""
    return format_datetime(at, "d MMMM y, HH:mm", tzinfo=ZoneInfo(time_zone), locale=BABEL[locale])


def amount(money: Money, locale: str) -> str:
    """With the currency's sign and its number of decimals."""
    decimals = get_currency_precision(money.currency)
    return format_currency(Decimal(money.minor).scaleb(-decimals), money.currency, locale=BABEL[locale])
