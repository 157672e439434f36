"""PCM helpers: nothing is lost, shifted or doubled."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from audio.pcm import WIRE_RATE, Resampler, duration_ms, read_wav, resample, silence, write_wav


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> bytes:
    times = np.arange(round(rate * seconds)) / rate
    pcm: bytes = (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()
    return pcm


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(int)


@pytest.mark.parametrize("rates", [(24000, 16000), (16000, 24000), (8000, 24000), (22050, 24000)])
@pytest.mark.parametrize("quality", ["LQ", "HQ"])
@pytest.mark.parametrize("chunk_ms", [10, 20, 33])
def test_a_resampled_stream_has_no_seams(
    rates: tuple[int, int], quality: str, chunk_ms: int
) -> None:
    pcm, step = tone(rates[0]), rates[0] * chunk_ms // 1000 * 2
    stream = Resampler(*rates, quality)
    out = b"".join(stream.push(pcm[at : at + step]) for at in range(0, len(pcm), step))
    out += stream.flush()
    whole = Resampler(*rates, quality).push(pcm, last=True)
    assert abs(len(out) - len(whole)) <= 2
    end = min(len(out), len(whole))
    assert out[:end] == whole[:end]


@pytest.mark.parametrize("quality", ["LQ", "HQ"])
def test_resampled_silence_is_silent_again_soon_after_the_last_sound(quality: str) -> None:
    stream = Resampler(24000, 16000, quality)
    stream.push(tone(24000))
    stream.push(silence(100))
    assert not any(stream.push(silence(1000)))


def test_what_is_too_loud_after_resampling_is_cut_off() -> None:
    square = (np.where(np.arange(24000) % 60 < 30, 32767, -32768)).astype("<i2").tobytes()
    out = samples(resample(square, 24000, 16000))
    assert out.max() == 32767
    assert out.min() == -32768


@pytest.mark.parametrize("rates", [(24000, 16000), (16000, 24000), (8000, 24000), (22050, 24000)])
def test_resampling_keeps_length_and_time(rates: tuple[int, int]) -> None:
    out = samples(resample(tone(rates[0]), *rates))
    assert abs(len(out) - rates[1]) <= 1
    wanted = samples(tone(rates[1]))[: len(out)]
    inner = slice(len(out) // 20, -len(out) // 20)  # the filter has nothing to go by at the ends
    # A shift by one output sample would be off by up to 460 at 24 kHz.
    assert np.abs(out[inner] - wanted[inner]).max() < 60


def test_a_click_stays_where_it_is() -> None:
    pcm = np.zeros(24000, dtype="<i2")
    pcm[12000] = 20000
    assert int(np.abs(samples(resample(pcm.tobytes(), 24000, 16000))).argmax()) == 8000


def test_equal_rates_pass_through() -> None:
    stream = Resampler(24000, 24000)
    assert stream.push(b"abcd") == b"abcd"
    assert stream.flush() == b""


def test_durations() -> None:
    assert duration_ms(silence(20)) == 20
    assert len(silence(20)) == 960
    assert len(silence(20, 16000)) == 640
    assert duration_ms(silence(50, 8000), 8000) == 50


def test_wav_round_trip(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(WIRE_RATE))
    assert read_wav(tmp_path / "a.wav") == tone(WIRE_RATE)


def test_wav_of_another_rate_is_resampled(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(16000), 16000)
    assert read_wav(tmp_path / "a.wav") == resample(tone(16000), 16000, WIRE_RATE)
    assert read_wav(tmp_path / "a.wav", 16000) == tone(16000)


def save_wav(path: Path, pcm: bytes, channels: int, width: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(WIRE_RATE)
        file.writeframes(pcm)


def test_stereo_is_mixed(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", np.array([100, 300, -5, 5], "<i2").tobytes(), 2, 2)
    assert samples(read_wav(tmp_path / "a.wav")).tolist() == [200, 0]


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    save_wav(path, np.array([100, 300, -5, 5], "<i2").tobytes(), 2, 2)
    path.write_bytes(path.read_bytes()[:-1])
    assert samples(read_wav(path)).tolist() == [200]
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.wav is not a PCM WAV file \(it is cut off\)"):
        read_wav(path)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    save_wav(tmp_path / "a.wav", bytes(300), 1, 3)
    with pytest.raises(ValueError, match=r"a\.wav: only 16-bit"):
        read_wav(tmp_path / "a.wav")
    (tmp_path / "b.wav").write_bytes(b"RIFFnothing of the kind")
    with pytest.raises(ValueError, match=r"b\.wav is not a PCM WAV"):
        read_wav(tmp_path / "b.wav")
