"""What a transcript is to the conversation: words, a back-channel, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session.backchannels import BACK_CHANNELS, TAKE_THE_FLOOR, Said, said


def listed(table: dict[str, str]) -> list[str]:
    """All phrases of a table."""
    return [
        phrase.strip()
        for written in table.values()
        for phrase in (written.split(";") if ";" in written else written.split())
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Uh-huh.",
        "uh huh",
        "Mm-hmm.",
        "Mhm",
        "Hmmmm...",
        "Yeah.",
        "YEAHHH!",
        "Okay, okay.",
        "Oh, I see.",
        "Yeah, right, of course.",
        "That’s right.",
        "嗯。",
        "嗯嗯嗯",
        "对。",
        "对对对！",
        "好的，是的。",
        "哦，原来如此",
        "不错",
        "Oui, d'accord.",
        "Sí, claro.",
        "Ja, genau!",
        "はい、そうですね。",
        "네, 그렇죠.",
        "Хорошо, да",
        "Haha.",
        "哈哈哈哈",
    ],
)
def test_back_channels(text: str) -> None:
    assert said(text, finished=True) is Said.BACK_CHANNEL


@pytest.mark.parametrize(
    "text",
    [
        "Stop!",
        "No.",
        "Nooo!",
        "Wait...",
        "stop it",
        "停",
        "停。",
        "等一下",
        "好，等一下",
        "不",
        "别说了",
        "Nein",
        "Okay, stop.",
        "oh no",
        "Hold on.",
        "¡Para!",
        "待って",
        "잠깐만요",
        "Стоп",
    ],
)
def test_words_that_always_take_the_floor(text: str) -> None:
    assert said(text, finished=True) is Said.COMMAND
    assert said(text, finished=False) is Said.COMMAND


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?",
        "Yeah, tell me more",
        "对了我想问",
        "好的那明天呢",
        "Okay Google",
        "right turn",
    ],
)
def test_other_words(text: str) -> None:
    assert said(text, finished=True) is Said.WORDS


@pytest.mark.parametrize(
    "text", ["", "  ", "...", "?!", "(coughs)", "[BLANK_AUDIO]", "*music*", "♪", "（咳嗽）", "。"]
)
def test_no_words(text: str) -> None:
    assert said(text, finished=True) is Said.NOTHING


@pytest.mark.parametrize("text", ["all", "I", "ye", "mm, of", "原来", "sounds go"])
def test_the_beginning_of_a_back_channel_is_none_yet(text: str) -> None:
    assert said(text, finished=False) is Said.BEGINNING
    assert said(text, finished=True) is Said.WORDS


@pytest.mark.parametrize("phrase", listed(BACK_CHANNELS))
def test_everything_listed_is_recognised(phrase: str) -> None:
    assert said(phrase, finished=True) is Said.BACK_CHANNEL


@pytest.mark.parametrize("phrase", listed(TAKE_THE_FLOOR))
def test_nothing_that_takes_the_floor_is_a_back_channel(phrase: str) -> None:
    assert said(phrase, finished=True) is Said.COMMAND


PHRASES = st.sampled_from(listed(BACK_CHANNELS))


@given(st.lists(PHRASES, min_size=1, max_size=4), st.sampled_from([" ", ", ", "... "]))
def test_back_channels_in_a_row_are_back_channels(phrases: list[str], between: str) -> None:
    assert said(between.join(phrases), finished=True) is Said.BACK_CHANNEL


@given(PHRASES, st.data())
def test_what_is_written_so_far_of_a_back_channel_never_takes_the_floor(
    phrase: str, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(phrase)))
    assert said(phrase[:length], finished=False) not in (Said.WORDS,)


@given(st.text(), st.booleans())
def test_any_text_is_something(text: str, finished: bool) -> None:
    assert said(text, finished=finished) in Said
