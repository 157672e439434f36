"""§A.2: `input_audio_buffer.append`: no answer, unless it cannot be taken."""

from __future__ import annotations

import pytest

from flow.steps import at_once
from session.effects import Transcribe
from tests.conformance.misuse import missing, other, refusals
from tests.conformance.sequences import driver
from tests.support.session_driver import MAX_EVENT_LENGTH, Driver, encoded, pcm
from wire.dialect import GADialect
from wire.envelope import encode_audio
from wire.errors import ProtocolError
from wire.incoming import AppendedAudio, EventReader
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


@pytest.mark.parametrize("encoded", ["%%%%", "AAA", "AA=A", "AA AA", "AAAA\t", "AAAA\x0b", "ÄAAA", "A", "-_-_"])
def test_audio_that_is_not_base64_is_refused(encoded: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_audio(encoded)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")
    assert caught.value.message == (
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got an invalid value."
    )


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
