"""Which passwords are too easy to guess (NIST SP 800-63B-4 §3.1.1.2, OWASP ASVS 6.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from services.user.domain.blocklist import COMMON, CONTEXT
from services.user.domain.errors import PasswordRefused

# Where the password is all that stands in the way, and where a second factor does, too.
MINIMUM = 15
MINIMUM_WITH_SECOND_FACTOR = 8
# Shorter names are part of too many innocent passwords.
SHORTEST_CONTEXT_WORD = 4
FEWEST_DIFFERENT_CHARACTERS = 5

_LEET = str.maketrans("013457@$!", "oieastasi")
_RUNS = (
    "0123456789" * 3,
    "abcdefghijklmnopqrstuvwxyz" * 2,
    "qwertyuiopasdfghjklzxcvbnm" * 2,
    "azertyuiopqsdfghjklmwxcvbn" * 2,
)


def normalised(password: str) -> str:
    """The form that is measured and hashed: the same keys pressed on two systems give one password."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, *, second_factor: bool, personal: Iterable[str] = ()) -> None:
    """Raises PasswordRefused, naming the rule, if `password` is easy to guess.

    `personal` is what an attacker knows of the user: names, address. There are no rules of composition: they make
    passwords no harder to guess, only to remember.
    """
    minimum = MINIMUM_WITH_SECOND_FACTOR if second_factor else MINIMUM
    text = normalised(password)
    if len(text) < minimum:
        raise PasswordRefused(rule="TOO_SHORT", minimum=minimum)
    folded = text.casefold()
    if _is_common(folded):
        raise PasswordRefused(rule="COMMON", minimum=minimum)
    if any(word in folded for word in _context_words(personal)):
        raise PasswordRefused(rule="CONTEXT", minimum=minimum)


def _is_common(folded: str) -> bool:
    if len(set(folded)) < FEWEST_DIFFERENT_CHARACTERS:
        return True
    if any(folded in run or folded in run[::-1] for run in _RUNS):
        return True
    stems = {_letters(folded), _letters(folded.translate(_LEET))}
    return folded in COMMON or any(_is_made_of_common_words(stem) for stem in stems if stem)


def _letters(text: str) -> str:
    return re.sub(r"[\d\W_]+", "", text)


def _is_made_of_common_words(stem: str) -> bool:
    """Whether common words, one after the other, make up the whole: "passwordpassword", "iloveyouqwerty"."""
    reachable = {0}
    for end in range(1, len(stem) + 1):
        if any(stem[start:end] in COMMON for start in reachable):
            reachable.add(end)
    return len(stem) in reachable


def _context_words(personal: Iterable[str]) -> Iterable[str]:
    yield from CONTEXT
    for text in personal:
        for word in re.split(r"[\W_]+", normalised(text).casefold()):
            if len(word) >= SHORTEST_CONTEXT_WORD and word not in ("mail", "gmail", "hotmail", "yahoo", "outlook"):
                yield word
