"""What the server is just saying is known again, also where it was misheard."""

from __future__ import annotations

import pytest

from session.own_words import LATE_MS, OwnWords

STORY = (
    "Once upon a time there was a small dog, ",
    "who lived in a house by the sea. ",
    "从前有一只小狗住在海边的房子里。",
)


def telling() -> OwnWords:
    """Three clauses of 2 s each, made at once at 1000 ms."""
    own = OwnWords()
    for clause in STORY:
        own.speaking(clause, 1000)
        own.made(2000, 1000)
    return own


@pytest.mark.parametrize(
    "text",
    (
        "There was a small dog.",
        "a small dog who lived in the house by the sea",
        "ONCE UPON A TIME",
        "小狗住在海边",
    ),
)
def test_a_stretch_of_what_is_said_is_an_echo(text):
    own = telling()
    own.turn_began("item", 2500)
    assert own.contain("item", text)


@pytest.mark.parametrize(
    "text",
    (
        "stop",
        "a dog",
        "the sea?",
        "小狗",
        "",
        "...",
        "wait, was that a small dog or a large one",
        "please tell me another story",
        "dog time sea house once",
    ),
)
def test_other_words_and_a_word_or_two_are_the_users(text):
    own = telling()
    own.turn_began("item", 2500)
    assert not own.contain("item", text)


def test_who_answers_may_use_the_same_words():
    own = telling()
    own.turn_began("during", 7000 + LATE_MS)
    own.turn_began("after", 7001 + LATE_MS)
    assert own.contain("during", "小狗住在海边的房子里")
    assert not own.contain("after", "小狗住在海边的房子里")


def test_what_had_been_said_before_the_turn_began_is_no_echo():
    own = telling()
    own.turn_began("item", 6000)
    assert not own.contain("item", STORY[0])


def test_a_turn_whose_transcript_is_there_is_forgotten():
    own = telling()
    own.turn_began("item", 2500)
    own.turn_over("item")
    assert not own.contain("item", STORY[0])


def test_where_nothing_was_said_nothing_is_an_echo():
    own = OwnWords()
    own.turn_began("item", 0)
    assert not own.contain("item", STORY[0])


def test_what_was_said_long_ago_is_not_kept():
    own = telling()
    own.speaking("And so on.", 200_000)
    own.made(1000, 200_000)
    own.turn_began("item", 200_500)
    assert not own.contain("item", STORY[0])
