"""Numbers in English, written out."""

from __future__ import annotations

import pytest

from providers.tts.english_numbers import written_out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 to 13", "zero to thirteen"),
        ("42 of 100", "forty two of one hundred"),
        ("1,234 dogs", "one thousand two hundred thirty four dogs"),
        ("2000000", "two million"),
        ("3.05", "three point zero five"),
        ("In 1984 and 1905.", "In nineteen eighty four and nineteen oh five."),
        (
            "in 1900, 2001 and 2026",
            "in one thousand nine hundred, two thousand one and two thousand twenty six",
        ),
        ("the 1st, 22nd, 40th", "the first, twenty second, fortieth"),
        ("$5 and 50 %", "five dollars and fifty percent"),
        ("at 7:05, 10:30, 9:00", "at seven oh five, ten thirty, nine o'clock"),
        ("007", "zero zero seven"),
        ("5G", "five G"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
        ("no numbers", "no numbers"),
    ],
)
def test_numbers_become_words(text, words):
    assert written_out(text) == words
