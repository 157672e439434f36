"""Which words of a transcript in progress will stay: none twice, none left out."""

from __future__ import annotations

import random

import pytest

from translation.stable_words import StableWords


def given(*interims: str, final: str) -> list[str]:
    """Return what was given out at each transcript, the last one the final one."""
    words = StableWords()
    told = [words.so_far(text) for text in interims]
    return [" ".join(word.text for word in new) for new in [*told, words.final(final)]]


def test_a_word_is_given_out_when_two_transcripts_agree_and_another_follows() -> None:
    assert given("I", "I am", "I am he", "I am here and", final="I am here and there.") == [
        "",
        "I",
        "am",
        "",
        "here and there.",
    ]


def test_case_and_punctuation_make_no_other_word_and_the_newest_spelling_counts() -> None:
    assert given("hello my name", "Hello, my name is", final="Hello, my name is Ann.") == [
        "",
        "Hello, my name",
        "is Ann.",
    ]


def test_without_interim_transcripts_all_comes_at_the_end() -> None:
    assert given(final="All at once.") == ["All at once."]


def test_an_interim_that_begins_again_takes_nothing_back() -> None:
    """A recogniser hears the turn anew when the user goes on after a pause."""
    heard = ("one two three", "one two three four", "one", "one two three four five")
    assert given(*heard, "one two three four five six", final="one two three four five six") == [
        "",
        "one two three",
        "",
        "",
        "four five",
        "six",
    ]


@pytest.mark.parametrize(
    ("said", "final", "rest"),
    [
        ("I scream for", "Ice cream for you and me", "you and me"),
        ("a nice cream", "an ice cream and more", "and more"),
        ("the cat sat on", "the cats sat on the mat", "the mat"),
        ("we went there", "when we went there we sang", "we sang"),
        ("two hundred people", "200 people came", "came"),
        ("so I think that", "I think that he knows", "he knows"),
    ],
)
def test_a_rewritten_beginning_is_not_given_out_again(said: str, final: str, rest: str) -> None:
    first = f"{said} hm"
    assert given(first, first, final=final)[1:] == [said, rest]


def test_an_empty_final_transcript_adds_nothing() -> None:
    assert given("one two three", "one two three", final="") == ["", "one two", ""]


WORDS = ["river", "stone", "house", "green", "under", "seven", "light", "apple", "window", "cloud"]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_last_words_looked_like_every_word_comes_once(seed: int) -> None:
    """A recogniser rewrites the last two words of what it has heard, as it hears on."""
    chance = random.Random(seed)
    said = [chance.choice(WORDS) + str(place) for place in range(chance.randint(1, 25))]
    words = StableWords()
    told: list[str] = []
    for count in range(1, len(said) + 1):
        sure = said[: max(count - 2, 0)]
        guess = [chance.choice(WORDS)[: chance.randint(2, 6)] for _ in range(chance.randint(0, 2))]
        told += [word.text for word in words.so_far(" ".join(sure + guess))]
    told += [word.text for word in words.final(" ".join(said))]
    assert len(told) == len(said)
    # What was a guess twice over may have been given out; it is one word all the same.
    assert sum(one == other for one, other in zip(told, said, strict=True)) >= len(said) - 2
