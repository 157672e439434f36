"""Which words sound finished, in English and Chinese (§C.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turn_detection.finished import Ending, ending_of


@pytest.mark.parametrize(
    "text",
    [
        "I would like to book a table for",
        "Turn off the lights in the",
        "so what i wanted to say is that i",
        "The reason I am calling is because...",
        "Add eggs and",
        "This is my",
        "My favourite colour is",
        "I think that he would",
        "um",
        "Well, uh",
        "我想要一杯咖啡和",
        "这是我的",
        "因为",
        "我要买一个",
        "嗯",
    ],
)
def test_words_that_ask_for_more_hang(text: str) -> None:
    assert ending_of(text) is Ending.HANGING


@pytest.mark.parametrize(
    "text",
    [
        "I would like to book a table for two.",
        "What is the weather like in London?",
        "Yes.",
        "Yes, it is.",
        "No, I don't.",
        "I do",
        "Set it for seven thirty",
        "Wake me at 7:30.",
        "It was built in 1995.",
        "See you at 5 p.m.",
        "Thank you very much",
        "Maybe",
        "I think so, maybe",
        "你好",
        "好的",
        "是的。",
        "他会来的",
        "请把灯关掉。",
        "不是",
        "Ça va bien",
    ],
)
def test_whole_sentences_and_answers_are_finished(text: str) -> None:
    assert ending_of(text) is Ending.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "My number is 415",
        "zero three zero",
        "It's 4 1",
        "five five five, one two",
        "It's spelled M, A, R",
        "M-A-R-T",
        "the code is A 4 9",
        "我的电话是一三八",
        "13800",
    ],
)
def test_digits_and_letters_read_out_are_recited(text: str) -> None:
    assert ending_of(text) is Ending.RECITED


@pytest.mark.parametrize(
    "text",
    [
        "What are you looking for?",
        "Could you repeat the last",
        "Well, I thought,",
        "Well, I think that maybe",
        "他说",
    ],
)
def test_what_may_end_so_is_unsure(text: str) -> None:
    assert ending_of(text) is Ending.UNSURE


@pytest.mark.parametrize("text", ["", "  ", "...", "。", "-", "?!"])
def test_without_words_nothing_is_known(text: str) -> None:
    assert ending_of(text) is None


@given(text=st.text(max_size=60))
def test_any_text_has_one_ending_and_case_does_not_matter(text: str) -> None:
    ending = ending_of(text)
    assert (ending is None) == (not any(char.isalnum() for char in text))
    if text.isascii():
        assert ending_of(text.upper()) is ending_of(text.lower())
