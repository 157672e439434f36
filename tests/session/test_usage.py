"""Token accounting: the shape of `usage`, and what a second of speech counts (protocol §B, E)."""

from __future__ import annotations

from typing import Any

import pytest

from session.content import AssistantAudio, InputImage, InputText, UserAudio
from session.conversation import Conversation
from session.items import AssistantMessage, FunctionCall, FunctionCallOutput, UserMessage
from session.ports import TokenUsage
from session.reading_order import reading_order
from session.usage import estimate_tokens, no_usage, response_usage
from tests.support.session_driver import Driver, of, pcm


def asked(ms: float, text: str = "") -> UserMessage:
    audio = UserAudio(data=bytearray(pcm(ms)))
    audio.understood(text)
    return UserMessage("a", [audio])


def answered(ms: float, text: str = "") -> AssistantMessage:
    audio = AssistantAudio(data=bytearray(pcm(ms)))
    audio.write(text)
    return AssistantMessage("a", [audio])


def counts(usage: dict[str, Any]) -> tuple[int, int]:
    """Audio tokens in and out."""
    return (
        usage["input_token_details"]["audio_tokens"],
        usage["output_token_details"]["audio_tokens"],
    )


def test_a_response_that_never_reached_the_model_used_nothing() -> None:
    zeros = {"text_tokens": 0, "audio_tokens": 0}
    assert no_usage() == {
        "total_tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "input_token_details": {
            **zeros,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {**zeros, "image_tokens": 0},
        },
        "output_token_details": zeros,
    }


@pytest.mark.parametrize(("ms", "tokens"), [(588, 5), (5850, 58), (99, 0), (100, 1)])
def test_user_audio_counts_a_token_per_100_ms_floored(ms: int, tokens: int) -> None:
    assert counts(response_usage([asked(ms)], "", [], None)) == (tokens, 0)


@pytest.mark.parametrize(("ms", "tokens"), [(1200, 24), (5950, 119), (7300, 146), (49, 0)])
def test_assistant_audio_counts_a_token_per_50_ms(ms: int, tokens: int) -> None:
    item = answered(ms)
    assert counts(response_usage([item], "", [item], None)) == (tokens, tokens)


def test_truncated_audio_counts_as_far_as_it_was_heard() -> None:
    item = answered(7300, "a long answer")
    conversation = Conversation("conv_1")
    conversation.insert(item)
    conversation.truncate(item.id, 0, 4000)
    assert counts(response_usage([item], "", [], None)) == (80, 0)


def test_the_provider_s_own_count_is_taken_for_text() -> None:
    context, output = [asked(1000, "hello")], [answered(500, "hi")]
    usage = response_usage(context, "Be kind.", output, TokenUsage(100, 20, cached_tokens=64))
    assert usage["input_token_details"] == {
        "text_tokens": 100,
        "audio_tokens": 10,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
    }
    assert usage["output_token_details"] == {"text_tokens": 20, "audio_tokens": 10}


def test_without_one_text_is_estimated_from_all_the_model_read_and_wrote() -> None:
    call = FunctionCall("c", "c", "f", '{"a": 1}')
    result = FunctionCallOutput("r", "c", "y" * 12)
    read = reading_order([asked(0, "a" * 4), call, result])
    usage = response_usage(read, "b" * 40, [answered(0, "c" * 20), call], None)
    assert usage["input_token_details"]["text_tokens"] == 10 + 1 + 2 + 3
    assert usage["output_token_details"]["text_tokens"] == 5 + 2


@pytest.mark.parametrize(("detail", "tokens"), [("low", 85), ("high", 765), ("auto", 765)])
def test_a_picture_counts_by_its_detail(detail: Any, tokens: int) -> None:
    picture = UserMessage("a", [InputText("What?"), InputImage("data:image/png;base64,", detail)])
    usage = response_usage([picture], "", [], None)
    assert usage["input_token_details"]["image_tokens"] == tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_an_estimate_is_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@pytest.mark.parametrize("reported", [None, TokenUsage(7, 3, 2)])
def test_the_sums_are_right(reported: TokenUsage | None) -> None:
    usage = response_usage([asked(1000, "hello")], "Be kind.", [answered(500, "hi")], reported)
    read, made = usage["input_token_details"], usage["output_token_details"]
    assert usage["input_tokens"] == read["text_tokens"] + read["audio_tokens"] > 0
    assert usage["output_tokens"] == made["text_tokens"] + made["audio_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_every_response_counts_the_whole_conversation_again() -> None:
    driver = Driver()
    driver.say("one two three four")
    totals = []
    for _ in range(3):
        driver.respond(output_modalities=["text"])
        driver.text("five six seven eight")
        (done,) = of(driver.finish(), "response.done")
        totals.append(done["response"]["usage"]["input_tokens"])
    step = estimate_tokens("five six seven eight")
    assert totals == [totals[0], totals[0] + step, totals[0] + 2 * step]
