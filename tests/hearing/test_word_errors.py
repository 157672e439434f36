"""Tests for the judge of what was heard."""

from __future__ import annotations

import pytest

from hearing.word_errors import WordErrors, compare, words


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("What is the weather like today?", "what's the weather like today"),
        ("Please set a timer for ten minutes", "Please set a timer for 10 minutes."),
        ("It costs one thousand two hundred dollars", "It costs 1,200 dollars"),
        ("twenty one point five", "21.5"),
        ("a table at seven thirty", "A table at 7:30."),
        ("a table at seven thirty", "A table at 7.30"),
        ("it ends with four seven one", "It ends with 471."),
        ("it ends with four seven one", "it ends with four hundred and seventy one"),
        ("two million three hundred thousand and five", "2,300,005"),
        ("nineteen eighty four", "1984"),
        ("one hundred and five", "105"),
        ("salt and pepper", "salt and pepper"),
        ("下午三点", "下午3点"),
        ("I don’t know, we’ll see", "i do not know we will see"),
        ("今天天气怎么样？", "今天天气怎么样"),
        ("½ ＡＢＣ", "1⁄2 abc"),
    ],
)
def test_spelling_is_no_error(said: str, heard: str) -> None:
    assert compare(said, heard) == WordErrors(len(words(said)), len(words(said)), 0)


@pytest.mark.parametrize(
    ("heard", "right", "errors"),
    [
        ("", 0, 6),
        ("what is or where they're like a dairy", 3, 6),
        ("what is the weather like", 5, 1),
        ("well what is the weather like today", 6, 1),
        ("what is the whether like today", 5, 1),
    ],
)
def test_words_replaced_left_out_and_put_in_are_counted(
    heard: str, right: int, errors: int
) -> None:
    found = compare("What is the weather like today?", heard)
    assert (found.right, found.errors) == (right, errors)
    assert found.understood == (errors <= 1)


def test_characters_count_where_there_are_no_spaces() -> None:
    found = compare("今天天气怎么样", "今天天很怎么样")
    assert (found.said, found.right, found.errors) == (7, 6, 1)


def test_nothing_said_and_nothing_heard_is_no_error() -> None:
    assert compare("", "").rate == 0
    assert compare("…", "thank you").rate == 1
    assert not compare("…", "thank you").understood


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("thirty two", ["32"]),
        ("two thirty", ["230"]),
        ("one thousand two hundred", ["1200"]),
        ("twelve thousand three hundred and forty five", ["12345"]),
        ("hundred and point", ["hundred", "and", "point"]),
        ("one and two", ["1", "and", "2"]),
        ("007", ["007"]),
    ],
)
def test_a_number_is_one_word(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_figures_of_several_texts_add_up() -> None:
    both = compare("red blue", "red") + compare("green brown", "green crown")
    assert (both, both.rate) == (WordErrors(4, 2, 2), 0.5)
    assert str(both) == "2 of 4 words right"
