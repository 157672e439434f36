"""§A.2: `input_audio_buffer.append`: no answer, unless it cannot be taken."""

from __future__ import annotations

import base64
import json
import os

import pytest

from flow.steps import at_once
from session.effects import Transcribe
from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import driver
from tests.support.running_server import running
from tests.support.session_driver import MAX_EVENT_LENGTH, Driver, encoded, pcm
from tests.support.wire_client import client
from wire.dialect import GADialect
from wire.envelope import encode_audio
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio, EventReader
from wire.long_strings import LONG
from wire.reading import MAX_AUDIO_BYTES, decode_audio

NOT_BASE64 = (
    "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
    "but got an invalid value."
)


ROWS = [
    other("not base64", "input_audio_buffer.append", "invalid_value", "audio", NOT_BASE64,
          audio="%%%"),
    other("empty", "input_audio_buffer.append", "invalid_value", "audio", audio=""),
    other("no audio", "input_audio_buffer.append", "missing_required_parameter", "audio",
          missing("audio")),
    other("audio is no text", "input_audio_buffer.append", "invalid_type", "audio", audio=5),
    other("unknown field", "input_audio_buffer.append", "unknown_parameter", "rate",
          audio="AAAA", rate=16000),
]  # fmt: skip


test_a_misuse_is_answered_by_one_error_and_nothing_is_applied = refusals(ROWS)


def test_append_is_not_acknowledged_and_hands_its_audio_on() -> None:
    d = driver()
    assert d.append(20) == []
    reader = EventReader(GADialect(), MAX_EVENT_LENGTH)
    frame = f'{{"type":"input_audio_buffer.append","audio":"{encoded(pcm(20))}"}}'
    came = at_once(reader.read(frame))
    assert came == AppendedAudio(pcm(20))
    assert reader.read_append(frame) == came
    assert d.session.append(pcm(20)) == ([], pcm(20))


@pytest.mark.parametrize(
    "encoded", ["%%%%", "AAA", "AA=A", "AA AA", "AAAA\t", "AAAA\x0b", "ÄAAA", "A", "-_-_"]
)
def test_audio_that_is_not_base64_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encoded)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message == (
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got an invalid value."
    )


@pytest.mark.parametrize(
    "lines",
    ["AAAA\n", "AAAA\r\nAAAA\r\n", "AA\rAA", "\nAAAA", "AAAA\n\n\nAA=\n=", "AAAAA\nAAA"],
)
def test_base64_may_have_line_ends(lines: str) -> None:
    in_one_line = lines.replace("\r", "").replace("\n", "")
    assert decode_audio(lines) == decode_audio(in_one_line)


def in_lines(audio: bytes) -> str:
    """Base64 as MIME wants it."""
    return base64.encodebytes(audio).decode().replace("\n", "\r\n")


@pytest.mark.parametrize("ms", [5, 20, 100, 2_000, 20_000])
@pytest.mark.parametrize("escaped", [False, True])
def test_an_append_in_lines_is_the_same_audio_by_every_way(ms: int, escaped: bool) -> None:
    audio = os.urandom(ms * 48)
    text = json.dumps(in_lines(audio))
    if escaped:
        # As .NET, PHP and Java write it.
        text = text.replace("+", "\\u002B").replace("/", "\\/").replace("=", "\\u003d")
    frame = f'{{"type":"input_audio_buffer.append","audio":{text}}}'
    reader = EventReader(GADialect(), 16 * 1024)
    assert at_once(reader.read(frame)) == AppendedAudio(audio)
    # Long frames have no fast path.
    assert reader.read_append(frame) == (AppendedAudio(audio) if len(frame) <= LONG else None)


def test_audio_of_line_ends_alone_is_empty() -> None:
    with pytest.raises(ProtocolError, match="but got empty bytes"):
        decode_audio("\r\n")


async def test_audio_in_lines_is_heard_on_a_socket() -> None:
    audio = pcm(1000)
    async with running() as server, client(server.url) as wire:
        await wire.update(audio={"input": {"turn_detection": None}})
        for start in range(0, len(audio), 4800):
            piece = in_lines(audio[start : start + 4800])
            await wire.send("input_audio_buffer.append", audio=piece)
        await wire.send("input_audio_buffer.commit")
        item_id = (await wire.until("conversation.item.done"))["item"]["id"]
        await wire.send("conversation.item.retrieve", item_id=item_id)
        (part,) = (await wire.until("conversation.item.retrieved"))["item"]["content"]
        assert base64.b64decode(part["audio"]) == audio
        part = {"type": "input_audio", "audio": in_lines(audio), "transcript": "yes"}
        message = {"type": "message", "role": "user", "content": [part], "id": "mine"}
        await wire.send("conversation.item.create", item=message)
        await wire.send("conversation.item.retrieve", item_id="mine")
        (part,) = (await wire.until("conversation.item.retrieved"))["item"]["content"]
        assert base64.b64decode(part["audio"]) == audio


def test_empty_audio_is_refused_as_empty() -> None:
    with pytest.raises(ProtocolError, match="but got empty bytes") as caught:
        decode_audio("")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message.startswith(
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got "
    )


def test_one_event_carries_at_most_15_mib_of_audio() -> None:
    assert len(decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES)))) == 15 * 1024 * 1024
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES + 1)))
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


def test_half_a_sample_waits_for_its_other_half() -> None:
    d = Driver()
    d.manual()
    audio = pcm(200)
    for piece in (audio[:4799], audio[4799:]):
        assert d.send("input_audio_buffer.append", audio=encoded(piece)) == []
    d.send("input_audio_buffer.commit")
    assert [transcribe.clip.audio for transcribe in d.kind(Transcribe)] == [audio]
