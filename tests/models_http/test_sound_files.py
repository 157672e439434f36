"""Sound in the formats of OpenAI's endpoint; `test_encoders.py` writes them."""

from __future__ import annotations

import io
import random
import sys
import wave

import av
import numpy as np
import pytest

from audio.pcm import duration_ms, wav
from models_http.encoders import Format, encoder
from models_http.refusals import Refusal
from models_http.sound_files import Stopped, format_of, read_sound
from tests.providers.tiny_voices import pitch_of

PITCH, SECONDS, RATE = 220, 2, 24000
TONE = (8000 * np.sin(2 * np.pi * PITCH * np.arange(SECONDS * RATE) / RATE)).astype("<i2").tobytes()


def encoded(kind: Format) -> bytes:
    coder = encoder(kind)
    step = RATE // 5
    pieces = [coder.push(TONE[start : start + step]) for start in range(0, len(TONE), step)]
    return b"".join([*pieces, coder.finish()])


@pytest.mark.parametrize("kind", ["wav", "mp3", "opus", "aac", "flac"])
def test_what_is_encoded_can_be_read_again(kind):
    pcm = read_sound(encoded(kind), 60)
    assert duration_ms(pcm, 16000) == pytest.approx(1000 * SECONDS, abs=150)
    # Some codecs begin and end with silence.
    middle = pcm[len(pcm) // 8 * 2 : len(pcm) // 8 * 6]
    assert pitch_of(middle, 16000) == pytest.approx(PITCH, abs=5)


def test_compressed_sound_is_not_held_back():
    """A part of what was pushed must be ready before the end, in every format."""
    for kind in ("mp3", "opus", "aac", "flac"):
        coder = encoder(kind)
        half = len(TONE) // 2
        first = coder.push(TONE[:half])
        whole = len(first + coder.push(TONE[half:]) + coder.finish())
        assert len(first) > whole // 4, kind


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_wav_is_mixed_and_resampled(channels, rate):
    samples = 8000 * np.sin(2 * np.pi * PITCH * np.arange(rate) / rate)
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(samples, channels).astype("<i2").tobytes())
    pcm = read_sound(written.getvalue(), 60)
    assert duration_ms(pcm, 16000) == pytest.approx(1000, abs=1)
    assert pitch_of(pcm, 16000) == pytest.approx(PITCH, abs=5)


def test_a_wav_file_that_does_not_tell_its_length_is_read():
    """As they come from a stream, this server's own for one."""
    assert len(read_sound(encoded("wav"), 60)) == len(read_sound(wav(TONE), 60))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (b"", "it is no WAV"),
        (b"#EXTM3U\nhttp://127.0.0.1/secret", "it is no WAV"),
        (b"RIFF\x00\x00\x00\x00WAVEnothing", "no sound wav"),
        (wav(b""), "no sound in it"),
        (b"fLaC" + bytes(50), "no sound flac"),
        (b"OggS" + bytes(50), "no sound"),
        (b"\x00\x00\x00\x20ftypM4A " + bytes(50), "no sound mov"),
    ],
)
def test_what_is_no_sound_is_refused(file, reason):
    with pytest.raises(Refusal, match=reason) as refused:
        read_sound(file, 60)
    assert refused.value.status == 400


def test_other_widths_of_wav_are_refused():
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 3, 16000, 0, "NONE", ""))
        file.writeframes(bytes(300))
    with pytest.raises(Refusal, match="24 bits"):
        read_sound(written.getvalue(), 60)


def test_what_is_too_long_is_refused_before_it_is_read_to_the_end():
    for kind in ("wav", "flac"):
        with pytest.raises(Refusal, match="audio_minutes"):
            read_sound(encoded(kind), SECONDS / 2)


def with_rate(rate: int) -> bytes:
    file = bytearray(wav(TONE))
    file[24:28] = rate.to_bytes(4, "little")
    return bytes(file)


def flac_of(rate: int) -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), "<i2"), format="s16", layout="mono")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return written.getvalue()


@pytest.mark.parametrize("rate", [0, 1, 100, 999, 384_001, 2**32 - 1])
def test_a_rate_that_no_recorder_has_is_refused(rate):
    """At 1 Hz, resampling makes 32 kB of a sample: gigabytes of a file of kilobytes."""
    with pytest.raises(Refusal, match=r"Hz|damaged") as refused:
        read_sound(with_rate(rate), 60 * 60 * 24 * 365)
    assert refused.value.error.code == "invalid_audio"


def test_it_is_refused_in_other_formats_too():
    assert read_sound(flac_of(2000), 60)
    with pytest.raises(Refusal, match="its rate is 100 Hz"):
        read_sound(flac_of(100), 60 * 60)


def test_a_wav_file_is_as_long_as_its_head_says_or_as_there_is_of_it():
    with pytest.raises(Refusal, match="audio_minutes"):
        read_sound(with_rate(1000), 2 * RATE / 1000 - 1)
    assert read_sound(with_rate(1000), 2 * RATE / 1000)


def test_nothing_more_is_read_when_nobody_waits():
    with pytest.raises(Stopped):
        read_sound(encoded("wav"), 60, lambda: True)


@pytest.mark.parametrize("kind", ["wav", "mp3", "opus", "aac", "flac"])
def test_a_damaged_file_is_refused_or_read_and_nothing_else(kind):
    whole = encoded(kind)
    damage = random.Random(kind)
    for _ in range(60):
        file = bytearray(whole)
        for _ in range(damage.choice((1, 4, 30))):
            file[damage.randrange(damage.choice((64, len(file))))] = damage.choice((0, 255))
        try:
            pcm = read_sound(bytes(file[: damage.choice((100, len(file), len(file)))]), 60)
        except Refusal as refused:
            assert refused.status == 400
        else:
            assert duration_ms(pcm, 16000) <= 60_000 + 1000


def test_a_chunk_beyond_the_end_is_damage():
    """Python's `wave` raises what no reader expects."""
    with pytest.raises(Refusal, match="damaged"):
        read_sound(b"RIFF\xff\xff\xff\xffWAVE" + b"\xff" * 100, 60)


def test_without_the_library_there_is_wav_and_pcm(monkeypatch):
    flac = encoded("flac")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Refusal, match=r"flac cannot be read without PyAV.*sound.*send WAV"):
        read_sound(flac, 60)
    with pytest.raises(Refusal, match=r"'mp3'.*needs PyAV.*sound.*'pcm' or 'wav'"):
        encoder("mp3")
    assert read_sound(encoded("wav"), 60)
    assert encoder("pcm").push(TONE) == TONE


def test_containers_are_told_by_their_first_bytes():
    assert format_of(b"\x1aE\xdf\xa3") == "matroska"
    assert format_of(b"\xff\xfb\x90\x64") == "mp3"
    assert format_of(b"\xff\xf1\x58\x40") == "aac"
    assert format_of(b"\xff") is None
