"""Frames with megabytes in them: read and written in steps, and exactly as the short ones."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from flow.steps import Steps, at_once
from tests.support.session_driver import Driver, encoded, pcm, types
from wire.client_events import AppendAudio, CreateItem
from wire.errors import ProtocolError
from wire.long_strings import LONG, LongText, cut_long, decode_base64, put_back
from wire.reading import parse_client_event
from wire.text_frames import LongFrame, frame

LIMIT = 512 * 1024
NOISE = os.urandom(900_000)
PNG = b"\x89PNG\r\n\x1a\n" + NOISE


def steps_of(steps: Steps[Any]) -> tuple[int, Any]:
    """How many steps it takes, and the result."""
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return count, done.value
        count += 1


def read(raw: str, limit: int = LIMIT) -> Any:
    """The event in a frame, as the session reads it."""
    light, cut = at_once(cut_long(raw, limit))
    event = parse_client_event(light)
    at_once(put_back(event, cut, limit))
    return event


def append(audio: str, **fields: Any) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio, **fields})


def user(*parts: dict[str, Any]) -> str:
    item = {"type": "message", "role": "user", "content": list(parts)}
    return json.dumps({"type": "conversation.item.create", "item": item})


def test_long_audio_is_cut_out_and_comes_back_decoded() -> None:
    raw = append(encoded(NOISE))
    count, (light, cut) = steps_of(cut_long(raw, LIMIT))
    assert len(light) < 2000
    event = parse_client_event(light)
    assert isinstance(event, AppendAudio)
    more, _ = steps_of(put_back(event, cut, LIMIT))
    assert (count, more) >= (2, 5)
    assert event.audio == encoded(NOISE)
    assert decode_base64(event.audio) == NOISE


@pytest.mark.parametrize("length", [0, 3, LONG * 3 // 4 - 30, LONG, LONG * 5 // 4, 900_000])
@pytest.mark.parametrize("space", ["", " ", "\n  "])
def test_a_frame_of_any_length_and_layout_reads_the_same(length: int, space: str) -> None:
    audio = encoded(NOISE[:length])
    raw = f'{{{space}"audio":{space}"{audio}",{space}"type":"input_audio_buffer.append"{space}}}'
    event = read(raw)
    assert event.audio == audio
    assert decode_base64(event.audio) == NOISE[:length]


WRITERS = {
    "lines": lambda text: json.dumps("\r\n".join(re.findall(".{1,76}", text))),
    ".NET": lambda text: json.dumps(text).replace("+", "\\u002B"),
    "PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "Java": lambda text: json.dumps(text).replace("=", "\\u003d"),
    "a line end first": lambda text: json.dumps("\n" + text),
}


@pytest.mark.parametrize("written", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("length", [20_000, 20_001, 900_001])
def test_escaped_base64_is_cut_out_and_comes_back_decoded(
    written: Callable[[str], str], length: int
) -> None:
    text = written(encoded(NOISE[:length]))
    raw = f'{{"type":"input_audio_buffer.append","audio":{text}}}'
    light, cut = at_once(cut_long(raw, LIMIT))
    assert len(light) < 2000
    event = parse_client_event(light)
    assert isinstance(event, AppendAudio)
    at_once(put_back(event, cut, LIMIT))
    assert event.audio == encoded(NOISE[:length])
    assert decode_base64(event.audio) == NOISE[:length]


@pytest.mark.parametrize(
    "text",
    [
        "line\n" * 10_000,
        "\n" * 20_000,
        "/" * 20_000,
        'say "' + "A" * 20_000,
        "A" * 20_000 + '" he said',
        "A" * 20_000 + "\\",
        "\\" + "A" * 20_000,
        '"' + "A" * 20_000 + '"',
        "A" * 20_000 + "\t",
        "A" * 20_000 + "\ud83d",
    ],
    ids=repr,
)
@pytest.mark.parametrize("escape", [lambda text: text, lambda text: text.replace("/", "\\/")])
def test_text_that_looks_like_base64_stays_what_it_is(
    text: str, escape: Callable[[str], str]
) -> None:
    event = read(escape(user({"type": "input_text", "text": text})))
    assert event.item.content[0].text == text.replace("\ud83d", "\ufffd")


@pytest.mark.parametrize("escape", ["\\u002B", "\\/", "\\r\\n"])
def test_a_field_of_limited_length_stays_limited_however_it_is_escaped(escape: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(append("AAAA").replace("}", f', "event_id": "{escape * 20_000}"}}'))
    assert (caught.value.code, caught.value.param) == ("string_above_max_length", "event_id")


def test_several_long_strings_find_their_places() -> None:
    uri = "data:image/png;base64," + encoded(PNG)
    event = read(
        user(
            {"type": "input_image", "image_url": uri},
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_audio", "audio": encoded(NOISE)},
        )
    )
    assert isinstance(event, CreateItem)
    image, text, audio = event.item.content  # type: ignore[union-attr]
    assert (image.image_url, text.text) == (uri, "What is it?")  # type: ignore[union-attr]
    assert decode_base64(image.image_url) == PNG  # type: ignore[union-attr]
    assert decode_base64(str(audio.audio)) == NOISE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:400_000] + "%" + text[400_001:],
        lambda text: text[: 256 * 1024 - 2] + "==" + text[256 * 1024 :],
        lambda text: text[: 256 * 1024] + "=" + text[256 * 1024 :],
        lambda text: text[:-1],
        lambda text: text[:400_000] + "-_" + text[400_002:],
    ],
)
def test_long_text_that_is_no_base64_is_refused_as_short_text_is(spoil: Any) -> None:
    text = spoil(encoded(NOISE))
    with pytest.raises(ValueError):
        base64.b64decode(text, validate=True)
    driver = Driver()
    (error,) = driver.raw(append(text, event_id="mine"))
    assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", "audio")
    assert error["error"]["event_id"] == "mine"
    assert driver.inside.buffer.written_ms == 0


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"input_audio_buffer.append","audio":"' + "A" * 100_000,
        '{"type":"input_audio_buffer.append","audio":"AA"' + "A" * 100_000 + '"}',
        '{"type":"input_audio_buffer.append","audio":"' + "A" * 100_000 + '"A"}',
        "A" * 100_000,
        '"' + "A" * 100_000 + '"',
        '{"type":"x","n":' + " " * 100_000 + "}",
        '{"type":"x","n":' + "1" * 100_000 + ',"m":"x"}',
    ],
)
def test_what_is_no_event_stays_none(raw: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(raw)
    assert caught.value.code in ("invalid_json", "invalid_event")


def test_numbers_and_prose_are_left_where_they_are() -> None:
    numbers = '{"type":"x","list":[' + "1," * 20_000 + '1],"y":"z"}'
    assert at_once(cut_long(numbers, LIMIT)) == (numbers, {})
    for text in ("words " * 10_000, "line\t" * 10_000, "Wörter" * 10_000, '"' + "A" * 20_000):
        raw = json.dumps({"type": "x", "text": text}, ensure_ascii=False)
        assert at_once(cut_long(raw, LIMIT)) == (raw, {})


def test_an_event_has_a_bound_that_audio_and_images_do_not_count_to() -> None:
    assert read(user({"type": "input_audio", "audio": encoded(NOISE)}), 64 * 1024)
    for text in ("word " * 20_000, "x" * 100_000):
        with pytest.raises(ProtocolError, match=r"limits\.event_kib") as caught:
            read(user({"type": "input_text", "text": text}), 64 * 1024)
        assert caught.value.code == "event_too_large"
        assert read(user({"type": "input_text", "text": text})).item.content[0].text == text


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"event_id": "x" * 20_000}, "string_above_max_length"),
        ({"x" * 20_000: 1}, "unknown_parameter"),
    ],
)
def test_a_stand_in_passes_no_check_that_its_string_would_fail(
    fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(ProtocolError) as caught:
        read(append("AAAA", **fields))
    assert caught.value.code == code


def test_a_picture_is_kept_once_and_shown_as_it_came() -> None:
    uri = "data:image/png;base64," + encoded(PNG)
    driver = Driver()
    added, done = driver.raw(user({"type": "input_image", "image_url": uri}))
    assert added["item"]["content"][0]["image_url"] == uri
    assert types([added, done]) == ["conversation.item.added", "conversation.item.done"]
    (item,) = driver.inside.conversation
    (image,) = item.images
    assert not isinstance(image.url, LongText)


@pytest.mark.parametrize("ms", [1, 7, 60_000])
def test_a_long_item_is_written_in_steps_and_reads_the_same(ms: int) -> None:
    driver = Driver()
    item = {"type": "message", "role": "user", "id": "item_1"}
    audio = {"type": "input_audio", "audio": encoded(pcm(ms)), "transcript": "yes"}
    text = {"type": "input_text", "text": "é\n"}
    driver.send("conversation.item.create", item={**item, "content": [text, audio]})
    (retrieved,) = driver.send("conversation.item.retrieve", item_id="item_1")
    assert retrieved["item"]["content"] == [text, audio]


def test_the_length_of_a_long_frame_is_known_before_it_is_written() -> None:
    item = {"content": [{"type": "input_audio", "audio": NOISE}, {"image_url": "x" * 20_000}]}
    made = frame({"type": "t", "item": item})
    assert isinstance(made, LongFrame)
    count, text = steps_of(made.write())
    assert count >= 4
    assert len(text) == len(made)
    assert base64.b64decode(json.loads(text)["item"]["content"][0]["audio"]) == NOISE
