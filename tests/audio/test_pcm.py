"""PCM helpers: nothing is lost, shifted or doubled."""

from __future__ import annotations

import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.pcm import WIRE_RATE, Resampler, duration_ms, read_wav, resample, silence, write_wav
from audio.player import AudioPlayerAsync
from tests.support.fake_sound import FakeSound


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> bytes:
    times = np.arange(round(rate * seconds)) / rate
    pcm: bytes = (8000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes()
    return pcm


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(int)


def numbered(start: int, count: int) -> bytes:
    """Samples that say who they are."""
    return np.arange(start, start + count, dtype="<i2").tobytes()


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


@pytest.fixture
def device() -> FakeSound:
    return FakeSound()


@pytest.fixture
def player(device: FakeSound) -> AudioPlayerAsync:
    return AudioPlayerAsync(device.open)


def test_the_device_is_opened_by_the_first_audio(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    assert device.calls == []
    player.add_data(numbered(1, 10))
    player.add_data(numbered(11, 10))
    player.start()
    assert device.calls == ["open", "start"]


def test_chunks_play_without_gaps_then_silence(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.add_data(numbered(1, 7))
    player.add_data(numbered(8, 6))
    assert player.waiting_samples == 13
    played = device.pull(5) + device.pull(5) + device.pull(5)
    assert played == numbered(1, 13) + bytes(4)
    assert (player.played_samples, player.waiting_samples) == (13, 0)
    assert device.pull(3) == bytes(6)
    assert player.played_samples == 13  # silence is not audio of the item
    player.add_data(numbered(14, 2))
    assert device.pull(2) == numbered(14, 2)
    assert player.played_samples == 15


def test_items_follow_without_a_gap_and_are_counted_apart(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    player.add_data(numbered(1, 6), "one")
    player.add_data(numbered(7, 6), "two")
    assert (player.item_id, player.played_samples) == ("one", 0)
    assert device.pull(6) == numbered(1, 6)
    assert (player.item_id, player.played_samples) == ("one", 6)
    assert device.pull(2) == numbered(7, 2)
    assert (player.item_id, player.played_samples) == ("two", 2)
    player.add_data(numbered(13, 2), "three")
    assert device.pull(8) == numbered(9, 6) + bytes(4)
    assert (player.item_id, player.played_samples) == ("three", 2)


def test_half_a_sample_waits_for_its_other_half(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    pcm = numbered(300, 4)
    player.add_data(pcm[:3], "one")
    assert device.pull(2) == pcm[:2] + bytes(2)
    player.add_data(pcm[3:], "one")
    assert device.pull(3) == pcm[2:]
    assert player.played_samples == 4
    player.add_data(b"\x01", "one")  # never completed
    player.add_data(numbered(1, 1), "two")
    assert device.pull(1) == numbered(1, 1)
    assert (player.item_id, player.played_samples) == ("two", 1)


def test_stop_is_immediate_and_keeps_the_count(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.add_data(numbered(1, 24000), "one")
    player.add_data(numbered(1, 100), "two")
    device.pull(2400)
    player.stop()
    assert device.calls[-1] == "abort"
    assert (player.item_id, player.played_samples, player.played_ms) == ("one", 2400, 100.0)
    assert player.waiting_samples == 0
    player.stop()
    assert device.calls == ["open", "start", "abort"]
    player.add_data(numbered(5, 3), "three")
    assert device.calls == ["open", "start", "abort", "start"]
    assert device.pull(4) == numbered(5, 3) + bytes(2)
    assert (player.item_id, player.played_samples) == ("three", 3)


def test_close_releases_the_device(player: AudioPlayerAsync, device: FakeSound) -> None:
    player.close()
    player.start()
    player.close()
    assert device.calls == ["open", "start", "abort", "close"]


def test_what_the_device_still_holds_was_not_played() -> None:
    device = FakeSound(latency=0.001)  # 24 samples
    player = AudioPlayerAsync(device.open)
    player.add_data(numbered(1, 60), "one")
    player.add_data(numbered(61, 40), "two")
    heard = []
    for _ in range(7):
        device.pull(20)
        heard.append((player.item_id, player.played_samples, player.waiting_samples))
    assert heard == [
        ("one", 0, 100),
        ("one", 16, 84),
        ("one", 36, 64),
        ("one", 56, 44),
        ("two", 16, 24),
        ("two", 36, 4),
        ("two", 40, 0),  # silence has pushed the rest out
    ]


def test_what_the_device_still_holds_is_dropped_by_stop() -> None:
    device = FakeSound(latency=0.001)
    player = AudioPlayerAsync(device.open)
    player.add_data(numbered(1, 60), "one")
    device.pull(50)
    player.stop()
    assert (player.item_id, player.played_samples, player.waiting_samples) == ("one", 26, 0)
    player.add_data(numbered(1, 60), "two")
    assert (player.item_id, player.played_samples) == ("two", 0)
    device.pull(44)
    assert (player.item_id, player.played_samples) == ("two", 20)


def test_all_that_is_handed_to_the_device_can_be_kept(device: FakeSound) -> None:
    handed: list[bytes] = []
    player = AudioPlayerAsync(device.open, handed.append)
    player.add_data(numbered(1, 30), "one")
    device.pull(20)
    device.pull(20)
    device.pull(20)
    assert b"".join(handed) == numbered(1, 30)  # without the silence after it


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 3), st.binary(max_size=9)),
            st.integers(min_value=1, max_value=9),
        )
    )
)
def test_whatever_the_order_every_whole_sample_is_played_once(
    steps: list[tuple[int, bytes] | int],
) -> None:
    device = FakeSound()
    player = AudioPlayerAsync(device.open)
    player.start()
    items: list[tuple[str, bytes]] = []
    played, pulled = b"", 0
    for step in steps:
        if isinstance(step, int):
            waiting = player.waiting_samples
            block = device.pull(step)
            assert block[2 * waiting :].strip(b"\x00") == b""
            played += block[: 2 * min(step, waiting)]
            pulled += 1
        else:
            item_id = f"{pulled // 2 + step[0]:03}"  # an item never returns after another
            item_id = max([item_id, *(name for name, _ in items)])
            player.add_data(step[1], item_id)
            items.append((item_id, step[1]))
    left = player.waiting_samples
    played += device.pull(left + 1)[: 2 * left]
    wanted = b""
    for name in sorted({name for name, _ in items}):
        pcm = b"".join(data for item_id, data in items if item_id == name)
        wanted += pcm[: len(pcm) // 2 * 2]
    assert played == wanted


def test_the_sound_card_and_the_program_may_run_at_once(
    player: AudioPlayerAsync, device: FakeSound
) -> None:
    total, chunk = 20000, 37
    player.start()

    def add() -> None:
        for start in range(0, total, chunk):
            player.add_data(numbered(start + 1, min(chunk, total - start)), "one")

    adding = threading.Thread(target=add)
    adding.start()
    heard = b""
    while adding.is_alive() or player.waiting_samples:
        heard += device.pull(64)
    assert samples(heard)[samples(heard) != 0].tolist() == list(range(1, total + 1))
    assert player.played_samples == total


def test_a_device_that_does_not_start_is_named() -> None:
    class Broken(FakeSound):
        def start(self) -> None:
            raise RuntimeError("device busy")

    with pytest.raises(OSError, match=r"Cannot play: device busy\. Check"):
        AudioPlayerAsync(Broken().open).start()
