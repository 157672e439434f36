"""Heard words: a clause laid over its sound."""

from __future__ import annotations

import bisect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audio.formats import AudioFormat
from session.content import AssistantAudio
from session.heard_words import heard_length, heard_part, made_length

RATE = 24000
Sound = NDArray[np.int16]


def tone(ms: float) -> Sound:
    places = np.arange(round(ms * RATE / 1000))
    return (8000 * np.sin(places / 11)).astype(np.int16)


def hush(ms: float) -> Sound:
    return np.zeros(round(ms * RATE / 1000), np.int16)


def spoken(words: list[tuple[str, float, float]]) -> tuple[str, Sound, list[float]]:
    """A clause: each word with the ms that it takes and the pause behind it; and its words' ends.

    Returns:
        The text, its sound, and where each word ends, in ms.
    """
    parts, ends, now = [], [], 0.0
    for _, takes, pause in words:
        parts += [tone(takes), hush(pause)]
        ends.append(now + takes)
        now += takes + pause
    return " ".join(word for word, _, _ in words), np.concatenate(parts), ends


def heard(text: str, sound: Sound | None, ms: float, length_ms: float) -> str:
    return text[: heard_length(text, sound, RATE, ms / length_ms)]


def test_silence_at_both_ends_says_nothing() -> None:
    text, said, _ = spoken([("one", 300, 0), ("two", 300, 0), ("six", 300, 0)])
    sound = np.concatenate([hush(600), said, hush(900)])
    told = [heard(text, sound, ms, 2400) for ms in (600, 850, 910, 1190, 1210, 1520, 2400)]
    assert told == ["", "", "one", "one", "one two", text, text]


def test_a_pause_stands_where_the_text_has_a_mark() -> None:
    # By their letters alone the second half would begin far earlier.
    text, sound, _ = spoken([("Wonderfully,", 300, 400), ("no", 300, 0), ("one", 300, 0)])
    assert heard(text, sound, 690, 1300) == "Wonderfully,"
    assert heard(text, sound, 310, 1300) == "Wonderfully,"
    assert heard(text, sound, 1010, 1300) == "Wonderfully, no"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("1995", "nineteen ninety five"),
        ("1,250", "one thousand two hundred fifty"),
        ("42", "forty two"),
        ("3.5", "three point five"),
        ("007", "zero zero seven"),
        ("100", "one hundred"),
        ("50%", "fifty percent"),
        ("$5", "five dollars"),
        ("2000000", "two million"),
    ],
)
def test_a_number_takes_as_long_as_its_words(number: str, words: str) -> None:
    letters = len(words.replace(" ", ""))
    text = f"{number} {'a' * letters}"
    share = next(at / 1000 for at in range(1001) if heard_length(text, None, RATE, at / 1000))
    assert abs(share - 0.5) < 0.07


def test_chinese_is_heard_sign_by_sign() -> None:
    text = "今天天气很好，我们去公园。"
    sound = np.concatenate([tone(6 * 200), hush(300), tone(5 * 200), hush(200)])
    assert heard(text, sound, 610, 2700) == "今天天"
    assert heard(text, sound, 1400, 2700) == "今天天气很好，"
    assert heard(text, sound, 1910, 2700) == "今天天气很好，我们"


def test_letters_alone_count_where_the_sound_is_gone() -> None:
    assert heard("One two three four.", None, 500, 1000) == "One two"


def test_a_mark_that_stands_alone_is_no_word() -> None:
    text = "Well – yes"
    assert heard(text, None, 60, 100) == "Well –"


@given(
    st.lists(
        st.tuples(st.text("abcdefgh", min_size=1, max_size=9), st.floats(0.8, 1.25), st.booleans()),
        min_size=1,
        max_size=60,
    ),
    st.floats(0, 1),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_a_voice_that_is_a_bit_uneven_is_followed_within_a_word(
    words: list[tuple[str, float, bool]], share: float
) -> None:
    made = [
        (word + ("," if mark else ""), (60 * len(word) + 40) * pace, 260.0 if mark else 0.0)
        for word, pace, mark in words
    ]
    text, sound, ends = spoken(made)
    length_ms = len(sound) / 24
    told = heard(text, sound, share * length_ms, length_ms)
    assert text.startswith(told)
    assert told in ("", text) or text[len(told)] == " "
    # Unevenness adds up only between two marks.
    longest = max(len(run) for run in "".join(" ,"[mark] for _, _, mark in words).split(","))
    wrong = len(told.split()) - bisect.bisect_right(ends, share * length_ms)
    assert abs(wrong) <= 1 + longest // 8


def test_more_is_heard_the_later_it_is() -> None:
    text = re.sub(r"\s+", " ", "It was 1995, and 12,000 people – no, more! – came to see it. " * 3)
    rng = np.random.default_rng(1)
    sound = np.concatenate([tone(rng.uniform(50, 500)) for _ in range(40)])
    sound[RATE : RATE + 9000] = 0
    counts = [heard_length(text, sound, RATE, at / 200) for at in range(201)]
    assert counts == sorted(counts)
    assert counts[-1] == len(text.rstrip())


def test_the_words_that_were_heard_end_before_the_word_that_was_cut() -> None:
    text, sound, ends = spoken([("one", 300, 0), ("two", 300, 0), ("six", 300, 0)])
    length, share = heard_part(text, sound, RATE, 850 / 900)
    assert text[:length] == "one two"
    assert share * 900 == pytest.approx(ends[1], abs=20)


def test_many_cuts_one_after_another_are_as_exact_as_the_first() -> None:
    words = [f"w{chr(97 + at) * 3}" for at in range(20)]
    text, sound, ends = spoken([(word, 300, 0) for word in words])
    audio = AssistantAudio(AudioFormat("audio/pcm"), transcript=text, text=text)
    audio.speak(text)
    audio.append(sound.tobytes())
    for ms in range(5900, 1000, -110):
        audio.truncate(ms)
        heard = bisect.bisect_right(ends, ms)
        assert abs(len(audio.text.split()) - heard) <= 1, ms


def said_without_times(texts: list[str], starts_ms: list[int]) -> AssistantAudio:
    """Clauses that begin where a voice says, in 4 s of sound, and the end of the response."""
    audio = AssistantAudio(AudioFormat("audio/pcm"), text=" ".join(texts))
    now = 0
    for text, start_ms in zip(texts, starts_ms, strict=True):
        audio.append(tone(start_ms - now).tobytes())
        audio.speak(text)
        now = start_ms
    audio.append(tone(4000 - now).tobytes())
    return audio


@pytest.mark.parametrize("starts_ms", [[0, 0], [0, 4000]])
def test_clauses_without_audio_of_their_own_share_their_neighbours(starts_ms: list[int]) -> None:
    audio = said_without_times(["one two three four.", "five six nine ten."], starts_ms)
    audio.truncate(3100)
    assert audio.text == "one two three four. five six"


def test_a_clause_whose_audio_is_still_to_come_is_not_heard() -> None:
    audio = said_without_times(["one two three four."], [0])
    audio.growing = True
    audio.speak("five six nine ten.")
    audio.truncate(3900)
    assert audio.text == "one two three"


def test_words_may_be_timed_behind_their_audio() -> None:
    audio = said_without_times(["one two."], [0])
    audio.timing([(0, -4000), (3, -3000)])
    audio.speak("three four.")
    # The second clause began before the voice told of it.
    audio.timing([(0, -2000), (5, -1000)])
    audio.truncate(2500)
    assert audio.text == "one two."
    audio.truncate(2100)
    assert audio.text == "one two."
    audio.truncate(1900)
    assert audio.text == "one"


# --- a clause that its voice has not finished ---


def test_what_cannot_have_been_said_yet_was_not_made() -> None:
    text = "Once upon a time, there was a small lighthouse at the edge of a quiet sea."
    assert made_length(text, tone(0), RATE, 1.0) == 0
    made = text[: made_length(text, tone(1000), RATE, 1.0)]
    assert made in ("Once upon a", "Once upon a time,")
    assert made_length(text, tone(1000), RATE, 1.25) > len(made)
    assert made_length(text, tone(6000), RATE, 1.0) == len(text)


def test_a_voice_that_has_fallen_silent_has_finished() -> None:
    sound = np.concatenate([tone(300), hush(100)])
    assert made_length("All of it was said at once.", sound, RATE, 1.0) == 27
