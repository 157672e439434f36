"""What some models that hear ask of a conversation."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from providers.llm.audio_messages import NOT_HEARD, newest_audio, with_some_audio
from tests.providers.fakes.hearing_chat import samples_of

AUDIO: dict[str, Any] = {
    "type": "input_audio",
    "input_audio": {"data": "UklGRg==", "format": "wav"},
}
SYSTEM: dict[str, Any] = {"role": "system", "content": "Be kind."}
TYPED = {"role": "user", "content": "Hi."}
ANSWER = {"role": "assistant", "content": "Hello."}


def added(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a message, where its last one is a silence."""
    parts: list[dict[str, Any]] = message["content"][:-1]
    last = message["content"][-1]
    samples = samples_of(base64.b64decode(last["input_audio"]["data"]))
    assert len(samples) and not samples.any()
    return parts


def test_a_conversation_with_audio_stays_as_it_is():
    spoken: list[dict[str, Any]] = [SYSTEM, {"role": "user", "content": [AUDIO]}, ANSWER, TYPED]
    assert with_some_audio(spoken) == spoken


def test_a_silence_stands_behind_what_the_user_typed_last():
    first, system, last, behind = with_some_audio([TYPED, SYSTEM, TYPED, ANSWER])
    assert (first, system, behind) == (TYPED, SYSTEM, ANSWER)
    assert added(last) == [{"type": "text", "text": "Hi."}]


@pytest.mark.parametrize("messages", [[], [SYSTEM], [SYSTEM, ANSWER]])
def test_without_a_user_it_stands_last(messages):
    *before, last = with_some_audio(messages)
    assert before == messages
    assert added(last) == []


def spoken(*names: str) -> dict[str, Any]:
    data = [{"type": "input_audio", "input_audio": {"data": name}} for name in names]
    return {"role": "user", "content": data}


@pytest.mark.parametrize(("most", "left"), [(1, "c"), (2, "b c"), (3, "a b c"), (9, "a b c")])
def test_the_newest_audio_is_left_and_older_is_told_of(most, left):
    written = newest_audio([SYSTEM, spoken("a", "b"), ANSWER, spoken("c"), TYPED], most)
    assert (written[0], written[2], written[4]) == (SYSTEM, ANSWER, TYPED)
    parts = [*written[1]["content"], *written[3]["content"]]
    names = [part["input_audio"]["data"] for part in parts if part["type"] == "input_audio"]
    assert " ".join(names) == left
    assert [part["text"] for part in parts if part["type"] == "text"] == [NOT_HEARD] * (
        3 - len(names)
    )
