"""Words by their places and their names, and what is said laid over what is written."""

from __future__ import annotations

import pytest

from providers.tts.word_places import WordsByName, WordsByPosition, paired


def found(text: str, names: str) -> list[str | None]:
    """Look for names one after the other; return each word that was found."""
    words = WordsByName(text)
    signs = "".join(text.split())
    places = [words.find(name) for name in names.split()]
    return [None if place is None else signs[place : place + 3] for place in places]


@pytest.mark.parametrize(
    ("text", "names", "told"),
    [
        ("Well, that is all.", "well that is all", ["Wel", "tha", "isa", "all"]),
        # A short name is not found within a longer word.
        ("All that a cat has.", "a cat", ["aca", "cat"]),
        ("It is “so” (bad).", "It so bad", ["Iti", "“so", "(ba"]),
        ("At 7:30 we go.", "At 7 30 we", ["At7", "7:3", None, "weg"]),
        # What was left out is passed over, and what is not in the text is no word.
        ("I paid $1,250 at once.", "I one thousand at", ["Ipa", None, None, "ato"]),
        (
            "今天天气很好，走吧。",
            "今天 天气 很 好 走",
            ["今天天", "天气很", "很好，", "好，走", "走吧。"],
        ),
    ],
)
def test_words_are_found_by_their_names(text: str, names: str, told: list[str | None]) -> None:
    assert found(text, names) == told


def test_what_is_far_ahead_is_not_taken_for_the_next_word() -> None:
    assert WordsByName(f"One {'very ' * 20}long way.").find("way") is None


def test_each_word_is_found_once_by_a_place_within_it() -> None:
    places = WordsByPosition("Only “1,250” left.")
    assert [places.find(at) for at in (0, 6, 8, 9, 13)] == [0, 4, None, None, 11]


@pytest.mark.parametrize(
    ("written", "spoken", "pairs"),
    [
        ("It is fine.", "it is fine", [0, 1, 2]),
        ("All of $99 each", "All of 99 dollars each", [0, 1, 2, 4]),
        ("At 7:30 – go", "At seven thirty — go", [0, 1, 3, 4]),
        ("e.g. a hat", "for example, a hat", [0, 2, 3]),
    ],
)
def test_what_is_said_is_laid_over_what_is_written(
    written: str, spoken: str, pairs: list[int]
) -> None:
    assert paired(written.split(), spoken.split()) == pairs
