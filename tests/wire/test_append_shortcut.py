"""Appends that are written like one before are read without a parser, and never differently."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ProtocolError
from wire.append_shortcut import AppendShape
from wire.client_events import AppendAudio
from wire.reading import decode_audio, parse_client_event

TYPE = "input_audio_buffer.append"
AUDIO = base64.b64encode(bytes(range(120))).decode()
OTHER = base64.b64encode(bytes(range(100, 220))).decode()


def properly(raw: str) -> bytes | None:
    """What the parser makes of a frame."""
    try:
        event = parse_client_event(raw)
        return decode_audio(event.audio) if isinstance(event, AppendAudio) else None
    except ProtocolError:
        return None


def known(raw: str, audio: str = AUDIO) -> AppendShape:
    shape = AppendShape()
    shape.learn(raw, audio)
    return shape


WRITTEN = [
    json.dumps({"type": TYPE, "audio": AUDIO}),
    json.dumps({"audio": AUDIO, "type": TYPE}),
    json.dumps({"type": TYPE, "audio": AUDIO}, indent=2),
    json.dumps({"audio": AUDIO, "type": TYPE}, separators=(",", ":")),
    f'{{"audio":"{AUDIO[:60]}","type":"{TYPE}","audio":"{AUDIO}"}}',
]


@pytest.mark.parametrize("raw", WRITTEN)
def test_another_append_of_the_same_shape_is_known(raw: str) -> None:
    assert known(raw).read(raw.replace(AUDIO, OTHER)) == base64.b64decode(OTHER)


ESCAPES = {
    "Java's Gson": lambda text: json.dumps(text).replace("=", "\\u003d"),
    ".NET": lambda text: json.dumps(text).replace("+", "\\u002B"),
    "PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "lines": lambda text: json.dumps("\r\n".join(re.findall(".{1,76}", text))),
    "all of it": lambda text: '"' + "".join(f"\\u{ord(letter):04x}" for letter in text) + '"',
}
"""Writer → how it writes base64 as JSON."""


@pytest.mark.parametrize("written", ESCAPES.values(), ids=ESCAPES)
def test_a_writer_that_escapes_is_known_as_well(written: Callable[[str], str]) -> None:
    def frame(audio: bytes) -> str:
        text = base64.b64encode(audio).decode()
        return f'{{"type":"{TYPE}","audio":{written(text)}}}'

    shape = AppendShape()
    for length in (100, 160, 400):
        audio = bytes(value * 7 % 256 for value in range(length))
        event = parse_client_event(frame(audio))
        assert isinstance(event, AppendAudio)
        shape.learn(frame(audio), event.audio)
        assert shape.read(frame(audio[::-1])) == audio[::-1]


@pytest.mark.parametrize(
    "raw",
    [
        WRITTEN[0].replace(AUDIO, ""),
        WRITTEN[0].replace(AUDIO, OTHER[:-1]),
        WRITTEN[0].replace(AUDIO, OTHER[:-1] + '"'),
        WRITTEN[0].replace(AUDIO, f'{OTHER}","event_id":"a'),
        WRITTEN[0].replace(AUDIO, OTHER + "\n"),
        WRITTEN[0].replace(AUDIO, OTHER + "\\t"),
        WRITTEN[0].replace(AUDIO, OTHER + "\\ud83d"),
        WRITTEN[0].replace(AUDIO, OTHER + "\\"),
        WRITTEN[0].replace(AUDIO, "\\r\\n"),
        WRITTEN[0].replace("append", "appenD"),
        WRITTEN[0] + " ",
        WRITTEN[1],
        '{"type": "input_audio_buffer.commit"}',
        "",
    ],
)
def test_anything_else_is_read_properly(raw: str) -> None:
    assert known(WRITTEN[0]).read(raw) is None


def test_nobody_looks_through_megabytes_to_learn() -> None:
    long = base64.b64encode(bytes(64 * 1024)).decode()
    shape = AppendShape()
    shape.learn(WRITTEN[0].replace(AUDIO, long), long)
    assert shape.read(WRITTEN[0]) is None


def test_audio_that_stands_twice_teaches_nothing() -> None:
    raw = json.dumps({"type": TYPE, "event_id": AUDIO, "audio": AUDIO})
    assert known(raw).read(raw.replace(AUDIO, OTHER)) is None


@given(
    st.sampled_from(WRITTEN),
    st.one_of(
        st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()),
        st.text(alphabet='AQgw+/=\\"u0041 ,:}', max_size=12),
        st.text(alphabet="AQgw+/=\\rn\n", max_size=12),
        st.lists(st.sampled_from(["AAAA", "+/+/", "\\r\\n", "\\/", "AA==", "\\u002B", "\n"])).map(
            "".join
        ),
        st.text(max_size=8),
    ),
)
def test_what_is_known_is_what_the_parser_says(raw: str, audio: Any) -> None:
    changed = raw.replace(AUDIO, audio)
    found = known(raw).read(changed)
    if found is not None:
        assert found == properly(changed)
