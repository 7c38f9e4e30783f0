"""Text as it is searched: the same word in every spelling that people type."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

WORD: Final = re.compile(r"[^\W_]+")
# Letters that Arabic writers use for each other, and the stretch that has no meaning.
ARABIC: Final = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ـ": None}
)
# What has no accent to lose, and yet is typed without.
LATIN: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})


def fold(text: str) -> str:
    """Words in lower case, without accents and vowel signs, one space between them.

    PostgreSQL's unaccent is an extension that not every server has; and so the index and the query agree by themselves.
    """
    lowered = text.casefold().translate(ARABIC).translate(LATIN)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(letter))
    return " ".join(WORD.findall(bare.translate(ARABIC)))


def tidy(text: str) -> str:
    """The text as it is kept: composed (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()
