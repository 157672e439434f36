"""Server events as text: the long ones are made in steps and read like the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flow.steps import at_once
from wire.envelope import encode_audio, serialize
from wire.text_frames import LONG, LongFrame, frame

PICTURE = "data:image/png;base64," + "A" * LONG


def event(*content: dict[str, Any]) -> dict[str, Any]:
    item = {"id": "item_1", "type": "message", "role": "user", "content": list(content)}
    return {"type": "conversation.item.retrieved", "event_id": "event_1", "item": item}


@pytest.mark.parametrize(
    "short",
    [
        {"type": "input_audio_buffer.cleared", "event_id": "event_1"},
        event({"type": "input_text", "text": "Grüße " * LONG}),
        event({"type": "input_image", "image_url": PICTURE[:LONG]}),
        event(),
    ],
    ids=["no item", "words", "a small picture", "nothing"],
)
def test_what_is_no_audio_and_no_large_picture_is_text_at_once(short: dict[str, Any]) -> None:
    assert frame(short) == serialize(short)


def test_audio_and_pictures_are_written_where_they_stand() -> None:
    audio = bytes(range(256)) * 5000
    words = {"type": "input_text", "text": "before and after"}
    heard = {"type": "input_audio", "transcript": None, "audio": audio}
    seen = {"type": "input_image", "image_url": PICTURE, "detail": "auto"}
    long = frame(event(words, heard, seen, words))
    assert isinstance(long, LongFrame)
    text = at_once(long.write())
    assert json.loads(text) == event(words, {**heard, "audio": encode_audio(audio)}, seen, words)
    assert len(long) == len(text)


def test_an_event_stays_as_it_was() -> None:
    retrieved = event({"type": "input_audio", "transcript": None, "audio": b"1234"})
    frame(retrieved)
    assert retrieved == event({"type": "input_audio", "transcript": None, "audio": b"1234"})


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_the_length_is_known_before_the_text_is_made(size: int) -> None:
    long = frame(event({"type": "input_audio", "transcript": None, "audio": bytes(size)}))
    assert isinstance(long, LongFrame)
    assert len(long) == len(at_once(long.write()))


def test_minutes_of_audio_take_many_steps() -> None:
    minute = bytes(60 * 48_000)
    long = frame(event({"type": "input_audio", "transcript": None, "audio": minute}))
    assert isinstance(long, LongFrame)
    assert sum(1 for _ in long.write()) > 10
