"""Counting and arithmetic, as recognisers and people write them."""

from __future__ import annotations

import pytest

from tests.providers.assistant.asking import numbers, say


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("count to ten", 1, 10),
        ("Count to 20, please.", 1, 20),
        ("can you count to twenty five for me", 1, 25),
        ("count two twenty", 1, 20),
        ("count two twenty five", 1, 25),
        ("count to two", 1, 2),
        ("count to for", 1, 4),
        ("count the ten", 1, 10),
        ("count from three to seven", 3, 7),
        ("count from two two ten", 2, 10),
        ("count from to to ten", 2, 10),
        ("count from one to two", 1, 2),
        ("count from ten to one", 10, 1),
        ("count down from five", 5, 1),
        ("count backwards from 3", 3, 1),
        ("count to a hundred", 1, 100),
        ("count for me", 1, 10),
        ("start counting", 1, 10),
    ],
)
def test_count(said: str, first: int, last: int) -> None:
    assert say(said) == numbers(first, last) + "."


def test_count_ends() -> None:
    assert say("count to one million") == f"I only count to 100: {numbers(1, 100)}."


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("what is twelve plus seven", "12 plus 7 is 19."),
        ("3 times 4", "3 times 4 is 12."),
        ("what's 2 + 3 * 4?", "2 plus 3 times 4 is 14."),
        ("ten minus twelve", "10 minus 12 is minus 2."),
        ("what is ten take away three", "10 minus 3 is 7."),
        ("what is one hundred and twenty divided by seven", "120 divided by 7 is about 17.1429."),
        ("ten multiplied by two point five", "10 times 2.5 is 25."),
        ("two plus for", "2 plus 4 is 6."),
        ("to plus to", "2 plus 2 is 4."),
        ("add five to seven", "5 plus 7 is 12."),
        ("subtract three from ten", "10 minus 3 is 7."),
        ("minus five plus three", "minus 5 plus 3 is minus 2."),
        ("1,000 minus 1", "1000 minus 1 is 999."),
        ("five divided by zero", "I cannot divide by zero."),
        ("999999999999999 times 999999999999999", "That number is too big for me."),
    ],
)
def test_arithmetic(said: str, answered: str) -> None:
    assert say(said) == answered
