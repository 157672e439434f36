"""Which voices take the floor during an answer, by what is known of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.decisions import SpeechPersisted
from session.floor import (
    CHATTY_MS,
    FIRM_DB,
    FIRM_MS,
    LONG_MS,
    LOUD_DB,
    LOUD_MS,
    WORDLESS_MS,
    Floor,
    Verdict,
)

WINDOW_MS = 32


def hear(
    floor: Floor, voiced_ms: int, *, loud_db: float = -20, fades: float = 0.1, sure: float = 0.99
) -> Verdict:
    """Let a voice of this length be heard, which falls by `fades` dB per ms."""
    for ms in range(WINDOW_MS, voiced_ms + 1, WINDOW_MS):
        floor.heard(SpeechPersisted(1000 + ms, ms, loud_db - fades * ms, sure))
    return floor.verdict()


def rest(floor: Floor) -> None:
    """Let a window without voice be heard."""
    floor.heard(SpeechPersisted(5000, 0, -70, 0.02))


def test_a_voice_that_holds_its_level_takes_the_floor() -> None:
    assert hear(Floor(), FIRM_MS - WINDOW_MS, fades=0) is Verdict.OPEN
    assert hear(Floor(), FIRM_MS, fades=0) is Verdict.TAKEN


def test_a_voice_that_fades_takes_it_later() -> None:
    assert hear(Floor(), LONG_MS - WINDOW_MS) is Verdict.OPEN
    assert hear(Floor(), LONG_MS) is Verdict.TAKEN


def test_a_stop_consonant_is_no_fading() -> None:
    floor = Floor()
    hear(floor, FIRM_MS - 2 * WINDOW_MS, fades=0)
    floor.heard(SpeechPersisted(0, FIRM_MS - WINDOW_MS, -20, 0.99))
    floor.heard(SpeechPersisted(0, FIRM_MS, -60, 0.99))
    assert floor.verdict() is Verdict.TAKEN


def test_a_sound_that_is_hardly_speech_takes_it_only_by_its_length() -> None:
    assert hear(Floor(), FIRM_MS, fades=0, sure=0.6) is Verdict.OPEN
    assert hear(Floor(), LONG_MS, fades=0, sure=0.6) is Verdict.TAKEN


def test_only_continuous_voice_counts() -> None:
    floor = Floor()
    for _ in range(10):
        assert hear(floor, FIRM_MS - WINDOW_MS, fades=0) is Verdict.OPEN
        rest(floor)
    assert floor.verdict() is Verdict.OPEN


@pytest.mark.parametrize("words", ["Stop", "停", "and then", "Yeah but"])
@pytest.mark.parametrize("finished", [True, False])
def test_words_take_it_at_once(words: str, finished: bool) -> None:
    floor = Floor()
    floor.transcribed(words, finished=finished)
    assert floor.verdict() is Verdict.TAKEN


@pytest.mark.parametrize(
    ("words", "limit_ms"), [("Yeah, yeah", CHATTY_MS), ("(laughs)", WORDLESS_MS)]
)
def test_what_is_known_to_be_no_turn_may_last(words: str, limit_ms: int) -> None:
    floor = Floor()
    floor.transcribed(words, finished=True)
    assert hear(floor, limit_ms - WINDOW_MS, fades=0) is Verdict.OPEN
    assert hear(floor, limit_ms, fades=0) is Verdict.TAKEN


def test_behind_a_back_channel_a_voice_is_judged_anew() -> None:
    floor = Floor()
    floor.transcribed("Okay.", finished=True)
    floor.resumed()
    assert floor.said is None
    assert hear(floor, FIRM_MS, fades=0) is Verdict.TAKEN


def test_a_laugh_comes_in_bursts() -> None:
    floor = Floor()
    floor.transcribed("", finished=True)
    floor.resumed()
    assert hear(floor, FIRM_MS, fades=0) is Verdict.OPEN


def test_that_nothing_was_understood_so_far_says_nothing() -> None:
    floor = Floor()
    floor.transcribed("", finished=False)
    assert hear(floor, FIRM_MS, fades=0) is Verdict.TAKEN


@pytest.mark.parametrize("words", ["", "Uh-huh.", "哈哈", "(coughs)"])
def test_it_is_given_up_when_it_is_over(words: str) -> None:
    floor = Floor()
    assert floor.verdict(over=True) is Verdict.OPEN
    floor.transcribed(words, finished=True)
    assert floor.verdict() is Verdict.OPEN
    assert floor.verdict(over=True) is Verdict.GIVEN_UP


def test_once_the_answer_is_over_yes_is_a_reply() -> None:
    floor = Floor()
    floor.transcribed("Yes.", finished=True)
    assert floor.verdict(sounds=False) is Verdict.TAKEN


def test_once_the_answer_is_over_a_cough_is_still_none() -> None:
    floor = Floor()
    floor.transcribed("", finished=True)
    assert floor.verdict(over=True, sounds=False) is Verdict.GIVEN_UP


def test_what_could_not_be_recognised_takes_it() -> None:
    floor = Floor()
    floor.failed()
    assert floor.verdict() is Verdict.TAKEN


def test_a_raised_voice_takes_it_sooner() -> None:
    usual_db = -30.0
    shout = {"loud_db": usual_db + LOUD_DB + 1, "fades": 0.0}
    assert hear(Floor(usual_db), LOUD_MS - WINDOW_MS, **shout) is Verdict.OPEN
    assert hear(Floor(usual_db), LOUD_MS, **shout) is Verdict.TAKEN
    assert hear(Floor(), LOUD_MS, **shout) is Verdict.OPEN
    assert hear(Floor(usual_db), LOUD_MS, loud_db=usual_db, fades=0) is Verdict.OPEN


WINDOWS = st.builds(
    SpeechPersisted,
    st.just(0),
    st.integers(0, 60).map(lambda windows: windows * WINDOW_MS),
    st.floats(-90, 0),
    st.floats(0, 1),
)


@given(st.lists(WINDOWS.filter(lambda window: window.voiced_ms < LOUD_MS)))
def test_short_sounds_alone_never_take_it(windows: list[SpeechPersisted]) -> None:
    floor = Floor(-40)
    for one in windows:
        floor.heard(one)
        assert floor.verdict() is Verdict.OPEN


@given(st.lists(WINDOWS), st.sampled_from(["Uh-huh", "", None]))
def test_what_has_gone_on_for_long_enough_always_takes_it(
    before: list[SpeechPersisted], words: str | None
) -> None:
    floor = Floor()
    if words is not None:
        floor.transcribed(words, finished=True)
    for one in before:
        floor.heard(one)
    floor.heard(SpeechPersisted(0, max(CHATTY_MS, WORDLESS_MS, LONG_MS), -80, 0.3))
    assert floor.verdict() is Verdict.TAKEN


def test_the_figures_are_in_order() -> None:
    assert LOUD_MS < FIRM_MS < LONG_MS < CHATTY_MS < WORDLESS_MS
    assert FIRM_DB < LOUD_DB
