"""Pauses of `semantic_vad`: when a judge is asked, and what ends a turn (§C.4)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session.decisions import Decision, SpeechPaused, SpeechStarted, SpeechStopped, VerdictDue
from session.turn_settings import Eagerness, SemanticVad
from turn_detection.end_pointing import EndPointer, end_pointer
from turn_detection.pause_rule import CEILINGS_MS
from turn_detection.silero import WINDOW_MS

DONE, OPEN = "I would like a coffee.", "I would like a coffee and"
LONG = 40
"""Windows of a sentence."""


def pointer(eagerness: Eagerness) -> EndPointer:
    return end_pointer(SemanticVad(300, eagerness), None)


def silence_ms(
    eagerness: Eagerness,
    *verdicts: float | None,
    text: str | None = None,
    voiced: int = LONG,
) -> int:
    """Return how much silence ends a turn, with these verdicts and words heard at 96 ms."""
    rules, answers = pointer(eagerness), iter(verdicts)
    for index in range(voiced):
        rules.next(index, 0.9)
    for index in range(voiced, voiced + 1000):
        if index == voiced + 3 and text is not None:
            rules.heard_text(text)
        decision: Decision | None = rules.next(index, 0.0)
        if isinstance(decision, VerdictDue):
            decision = rules.judged(index, next(answers, None))
        if isinstance(decision, SpeechStopped):
            return decision.end_ms - voiced * WINDOW_MS
    raise AssertionError("The turn never ends.")


def test_the_judge_is_asked_at_96_ms_and_its_answer_is_needed_at_192() -> None:
    rules = pointer("auto")
    said = [rules.next(index, 0.9 if index < 5 else 0.0) for index in range(11)]
    assert [decision for decision in said if decision is not None] == [
        SpeechStarted(0),
        SpeechPaused(8 * WINDOW_MS),
        VerdictDue(11 * WINDOW_MS),
    ]
    assert rules.judged(10, 0.99) is None


@pytest.mark.parametrize(
    ("first", "text", "asked"), [(0.9, None, 2), (0.4, None, 1), (0.9, OPEN, 1), (None, None, 2)]
)
def test_it_is_asked_again_only_where_that_may_change_something(
    first: float | None, text: str | None, asked: int
) -> None:
    rules, questions = pointer("low"), 0
    for index in range(LONG + 60):
        if index == LONG + 5 and text is not None:
            rules.heard_text(text)
        decision = rules.next(index, 0.9 if index < LONG else 0.0)
        if isinstance(decision, VerdictDue):
            rules.judged(index, first)
        questions += isinstance(decision, SpeechPaused)
    assert questions == asked


def test_a_finished_sentence_that_sounds_complete_ends_at_once() -> None:
    assert silence_ms("auto", 0.9, text=DONE) == 224


def test_one_early_complete_is_not_enough() -> None:
    assert silence_ms("auto", 0.99, 0.99) == 352
    assert silence_ms("auto", 0.99, 0.3) >= 1000


def test_a_finished_sentence_that_sounded_cut_off_at_first_is_heard_once_more() -> None:
    assert silence_ms("auto", 0.02, 0.8, text=DONE) == 320
    assert silence_ms("auto", 0.02, 0.2, text=DONE) == 352
    assert silence_ms("auto", 0.02, 0.05, text=DONE) == 1824


def test_words_that_hang_wait_however_complete_they_sound() -> None:
    assert silence_ms("auto", 0.99, 0.99, text=OPEN) >= 2000


def test_a_number_goes_on_over_pauses_of_700_ms() -> None:
    waits = [silence_ms(how, 0.99, 0.99, text="My number is 555") for how in ("low", "auto")]
    assert all(700 < wait < 2000 for wait in waits)


def test_a_single_word_ends_within_a_second() -> None:
    for how in ("low", "medium", "high", "auto"):
        assert silence_ms(how, 0.0, 0.0, voiced=10) < 900
        assert silence_ms(how, 0.0, 0.0, text="Yes.", voiced=10) < 900


@pytest.mark.parametrize("verdict", [0.05, 0.3, 0.6, 0.95, None])
@pytest.mark.parametrize("text", [DONE, OPEN, "It is the best", "My number is 555", None])
def test_low_waits_longer_than_auto_and_high_never_longer(
    verdict: float | None, text: str | None
) -> None:
    low, auto, high = (silence_ms(how, verdict, verdict, text=text) for how in ORDER)
    assert low > auto >= high


ORDER: tuple[Eagerness, ...] = ("low", "auto", "high")


def test_medium_is_auto() -> None:
    assert silence_ms("medium", 0.9, text=DONE) == silence_ms("auto", 0.9, text=DONE)


def test_a_judge_that_is_too_late_is_not_waited_for() -> None:
    assert 192 < silence_ms("auto", None, None) <= 1000


def test_words_are_those_of_the_turn_so_far_and_grow_stale() -> None:
    rules = pointer("auto")
    for index in range(LONG):
        rules.next(index, 0.9)
    rules.heard_text(OPEN)
    for index in range(LONG, 2 * LONG):
        rules.next(index, 0.9)
    ends = []
    for index in range(2 * LONG, 2 * LONG + 80):
        decision: Decision | None = rules.next(index, 0.0)
        if isinstance(decision, VerdictDue):
            decision = rules.judged(index, 0.99)
        ends += [decision] if isinstance(decision, SpeechStopped) else []
    assert ends == [SpeechStopped(2 * LONG * WINDOW_MS + 352)]


@given(
    eagerness=st.sampled_from(ORDER),
    verdicts=st.lists(st.none() | st.floats(0, 1), max_size=2),
    text=st.none() | st.text(max_size=30),
    voiced=st.integers(3, 60),
)
@settings(deadline=None, derandomize=True, max_examples=150)
def test_every_turn_ends_by_the_ceiling_of_its_eagerness(
    eagerness: Eagerness, verdicts: list[float | None], text: str | None, voiced: int
) -> None:
    waited = silence_ms(eagerness, *verdicts, text=text, voiced=voiced)
    assert WINDOW_MS <= waited < CEILINGS_MS[eagerness] + WINDOW_MS


@given(scores=st.lists(st.floats(0, 1), max_size=200), verdict=st.none() | st.floats(0, 1))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_an_answer_is_needed_only_of_a_question_of_the_same_pause(
    scores: list[float], verdict: float | None
) -> None:
    rules, asked = pointer("auto"), False
    for index, score in enumerate(scores):
        decision = rules.next(index, score)
        asked = asked and rules.pausing
        if isinstance(decision, VerdictDue):
            assert asked
            rules.judged(index, verdict)
            asked = False
        if isinstance(decision, SpeechPaused):
            assert not asked
            asked = True
