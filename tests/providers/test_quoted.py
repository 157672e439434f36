"""What is shown of what others say."""

from __future__ import annotations

from providers.quoted import MOST_CHARACTERS, brief


def test_what_is_short_stays_as_it_is():
    assert brief(ValueError("the index is \u3042 gone")) == "the index is \u3042 gone"


def test_it_is_one_line_without_what_steers_a_terminal():
    assert brief("one\n\ttwo \x1b[31mred\x9b \ud800") == "one two [31mred "


def test_it_is_shortened_and_keys_are_masked_first():
    key = "sk-" + "a1" * 24
    long = brief(f"{'x' * (MOST_CHARACTERS - 20)} {key} {'x' * 100_000}")
    assert len(long) == MOST_CHARACTERS
    assert long.endswith("…")
    assert "sk-a1" not in long


def test_what_cannot_be_written_is_told():
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError("no")

    assert brief(Mute()) == "(KeyError where it should say what)"
