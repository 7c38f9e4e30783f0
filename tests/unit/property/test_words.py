"""One word, however it is typed."""

import pytest

from services.property.domain.words import fold, tidy


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Béjaïa", "BEJAIA"),
        ("cœur de ville", "Coeur de Ville"),
        ("شُقَّة", "شقة"),
        ("شقة", "شقه"),
        ("الجزائر", "الجزاير"),
        ("أدرار", "ادرار"),
        ("وهـــران", "وهران"),
        ("F3-Hydra!", "f3 hydra"),
        ("Straße", "strasse"),
    ],
)
def test_spellings_that_mean_the_same(typed: str, kept: str) -> None:
    assert fold(typed) == fold(kept)


@pytest.mark.parametrize("signs", ["", "   ", "!!! ***", "%_|&"])
def test_signs_are_no_words(signs: str) -> None:
    assert fold(signs) == ""


def test_operators_of_a_query_language_become_words_or_nothing() -> None:
    assert fold("*villa* & (pool | !sea) title:^2") == "villa pool sea title 2"


def test_kept_text_is_composed_and_trimmed() -> None:
    assert tidy("  Be\u0301jai\u0308a ") == "Béjaïa"
