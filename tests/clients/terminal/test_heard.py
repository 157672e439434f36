"""Which words of an answer were heard."""

from __future__ import annotations

import pytest

from clients.terminal.heard import PACE, TELLING_MS, WIDE, Said

STORY = "Once upon a time, there was a girl."


def heard(words: str, ms: float, of_ms: float, complete: bool = True) -> str:
    said = Said(words, spoken=True, sound_ms=of_ms, complete=complete)
    return words[: said.heard(ms)]


def test_words_share_the_time_of_their_sound() -> None:
    assert heard(STORY, 0, 3500) == ""
    assert heard(STORY, 1000, 3500) == "Once upon "
    assert heard(STORY, 1700, 3500) == "Once upon a time, "  # the comma goes with its word
    assert heard(STORY, 3400, 3500) == "Once upon a time, there was a "
    assert heard(STORY, 3500, 3500) == STORY


def test_a_chinese_character_takes_longer_than_a_letter() -> None:
    assert heard("她住在海边，和祖父", 1000, 2000) == "她住在海"
    assert heard("用 Python 写", 1000, 2000) == "用 "
    assert heard("用 Python 写", 1600, 2000) == "用 Python "


@pytest.mark.parametrize("of_ms", [1000, 2000, 60_000])
def test_words_ahead_of_their_sound_are_taken_to_be_spoken_at_an_ordinary_pace(
    of_ms: float,
) -> None:
    words = "word " * 1000
    count = len(heard(words, 1000, of_ms, complete=False))
    assert PACE - 5 <= count <= PACE
    characters = len(heard("字" * 1000, 1000, of_ms, complete=False))
    assert characters == PACE // WIDE


def test_before_its_sound_begins_nothing_was_heard_but_all_was_read() -> None:
    assert Said("Well, yes.", spoken=True).heard(0) == 0
    assert Said("Well, yes.").heard(0) == len("Well, yes.")


def test_a_whole_answer_tells_the_pace_of_its_voice() -> None:
    assert Said("x" * 40, True, sound_ms=2000, complete=True).pace == 20
    assert Said("x" * 40, True, sound_ms=2000).pace is None
    assert Said("Hi.", True, sound_ms=TELLING_MS - 1, complete=True).pace is None
    ahead = Said("word " * 100, True, sound_ms=2000)
    assert ahead.heard(1000, pace=10) == len("word " * 2)
