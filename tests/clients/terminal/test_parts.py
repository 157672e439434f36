"""The parts below the screen: sources, capture, clock, answers, speakers, what sound there is."""

from __future__ import annotations

import asyncio
import gc
import math
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from audio.pcm import read_wav
from audio.player import AudioPlayerAsync
from clients.terminal.answer import Answer, Cut
from clients.terminal.capture import SILENCE_DBFS, Capture, level_dbfs
from clients.terminal.sound import SoundMaker
from clients.terminal.sources import BLOCK_BYTES, Microphone, SpokenFile
from clients.terminal.speakers import NoSpeaker, WavRecorder
from clients.terminal.speech_clock import REMEMBERED_MS, SpeechClock
from tests.clients.terminal.bench import PCM
from tests.support.fake_sound import FakeSound
from tests.support.fake_sound_device import SoundDevice


async def test_a_capture_yields_all_that_was_said_before_it_was_stopped() -> None:
    device = FakeSound()
    capture = Capture(Microphone(device.open))
    capture.start(on_end=lambda: None)
    said = [bytes([number]) * 960 for number in range(50)]
    speaking = threading.Thread(target=lambda: device.push_all(said))
    speaking.start()
    await asyncio.to_thread(speaking.join)
    capture.stop()
    assert [pcm async for pcm in capture] == said
    assert device.calls == ["open", "start", "abort", "close"]


async def test_a_file_is_spoken_at_its_pace_then_there_is_silence() -> None:
    clock = asyncio.get_running_loop().time
    source, blocks = SpokenFile(PCM + b"\x01\x02"), list[tuple[float, bytes]]()
    over = asyncio.Event()
    started = clock()
    source.start(lambda pcm: blocks.append((clock(), pcm)), over.set)
    await over.wait()
    assert b"".join(pcm for _, pcm in blocks) == PCM + b"\x01\x02" + bytes(BLOCK_BYTES - 2)
    assert all(at - started >= 0.02 * (n + 1) for n, (at, _) in enumerate(blocks))
    said = len(blocks)
    while len(blocks) < said + 3:
        await asyncio.sleep(0)
    assert all(pcm == bytes(BLOCK_BYTES) for _, pcm in blocks[said:])
    source.stop()


@pytest.mark.parametrize(
    ("pcm", "wanted"),
    [
        (b"", SILENCE_DBFS),
        (bytes(960), SILENCE_DBFS),
        ((32767 * np.sin(np.arange(24000) / 10)).astype("<i2").tobytes(), 0),
        ((3276.7 * np.sin(np.arange(24000) / 10)).astype("<i2").tobytes(), -20),
    ],
)
def test_levels(pcm: bytes, wanted: float) -> None:
    assert math.isclose(level_dbfs(pcm), wanted, abs_tol=0.05)


def test_a_moment_of_the_sent_audio_is_found_on_the_clock() -> None:
    clock = SpeechClock()
    for number in range(1, 6):
        clock.sent(20, at=100 + number)  # a slow microphone, so that blocks can be told apart
    assert clock.when(20) == 101
    assert clock.when(21) == pytest.approx(102 - 0.019)
    assert clock.when(100) == 105
    assert clock.when(101) is None
    clock.sent(REMEMBERED_MS, at=200)
    clock.sent(20, at=201)
    assert clock.when(REMEMBERED_MS + 120) == 201


def answer(*sounds: str, done: bool = False) -> Answer:
    made = Answer(None, "sending", response_id="resp_1", done=done)
    made.note("text")
    for item_id in sounds:
        made.note(item_id, sound=True)
    return made


def test_an_interrupted_answer_is_cut_from_what_plays() -> None:
    it = answer("a", "b", done=True)
    assert it.interrupt("a", 120.9) == [Cut("a", 120), Cut("b", 0)]
    assert it.interrupted


def test_an_answer_that_has_not_sounded_yet_is_cut_at_its_last_words() -> None:
    assert answer().interrupt(None, 0) == [Cut("text", None)]


def test_an_answer_that_was_heard_is_not_cut() -> None:
    it = answer("a", done=True)
    assert it.interrupt(None, 120) == []
    assert not it.interrupted


def test_sound_that_is_not_of_this_answer_leaves_all_of_it_unheard() -> None:
    assert answer("a").interrupt("other", 50) == [Cut("text", None), Cut("a", 0)]


def test_words_stay_words_when_their_sound_came_first() -> None:
    it = answer("a")
    it.note("a")
    assert it.interrupt("a", 10) == [Cut("a", 10)]


def test_no_speaker_takes_all_in_order_and_stops_at_once() -> None:
    handed: list[bytes] = []
    player = AudioPlayerAsync(NoSpeaker, handed.append)
    player.add_data(PCM, "item")
    while player.waiting_samples:
        player.start()
    player.stop()
    assert b"".join(handed) == PCM
    assert player.played_samples == len(PCM) // 2
    player.add_data(PCM * 100, "next")
    player.stop()
    taken = player.played_samples
    assert b"".join(handed) == PCM + (PCM * 100)[: taken * 2]
    player.add_data(PCM, "last")  # it can be started again
    while player.waiting_samples:
        player.start()
    assert handed[-1] == PCM[-len(handed[-1]) :]
    player.close()


def test_a_recording_is_whole_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    recorder = WavRecorder(path)
    with wave.open(str(path)) as file:
        assert file.getnframes() == 0
    recorder.write(PCM)
    while path.stat().st_size < 44 + len(PCM):
        pass
    recorder.write(PCM)
    recorder.close()
    assert read_wav(path) == PCM + PCM
    assert recorder.error is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of files")
def test_a_full_disk_is_told_when_the_recording_ends(tmp_path: Path) -> None:
    import resource

    recorder = WavRecorder(tmp_path / "answer.wav")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(PCM), before[1]))
    try:
        for _ in range(3):
            recorder.write(PCM)
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert recorder.error is not None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is full")
def test_a_disk_that_is_full_from_the_start_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    later: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", later.append)
    with pytest.raises(OSError, match="No space left"):
        WavRecorder("/dev/full")
    gc.collect()
    assert later == []


def test_without_devices_the_remedy_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoDevices(SoundDevice):
        """A machine with PortAudio and without a sound card."""

        class default(SoundDevice.default):
            device = (-1, -1)

        RawOutputStream = SoundDevice.RawInputStream

    monkeypatch.setitem(sys.modules, "sounddevice", NoDevices())
    missing = SoundMaker().open_all(None, None).missing
    assert missing.startswith(
        "No sound input: there is no device. No sound output: there is no device. Connect one"
    )
    assert missing.count("Connect") == 1
    assert missing.endswith("Going on with text.")


def test_a_loudspeaker_that_does_not_start_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(SoundDevice):
        """A machine whose loudspeaker is in use."""

        def RawOutputStream(self, **options: object) -> FakeSound:
            stream = FakeSound()
            stream.start = stream.fail  # type: ignore[method-assign]
            return stream

    monkeypatch.setitem(sys.modules, "sounddevice", Busy())
    sound = SoundMaker(spoken=PCM).open_all(None, None)
    assert isinstance(sound.source, SpokenFile)
    assert sound.missing == (
        "Cannot play: device busy. Check the output device. Answers are not heard."
    )


class TestWithoutPortAudio:
    """What there is of sound on a machine that has none."""

    @pytest.fixture(autouse=True)
    def no_portaudio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sounddevice", None)

    def test_nothing_stands_in(self) -> None:
        sound = SoundMaker().open_all(None, None)
        assert (sound.source, sound.player) == (None, None)
        remedy = "No sound: 'sounddevice' is missing. pip install sounddevice."
        assert sound.missing == f"{remedy} Going on with text."

    def test_a_file_is_spoken(self) -> None:
        sound = SoundMaker(spoken=PCM).open_all(None, None)
        assert isinstance(sound.source, SpokenFile)
        assert sound.player is not None
        assert sound.missing.endswith("sounddevice. Answers are not heard.")

    def test_answers_are_recorded(self, tmp_path: Path) -> None:
        recorder = WavRecorder(tmp_path / "answer.wav")
        sound = SoundMaker(recorder=recorder).open_all(None, None)
        assert sound.source is None
        assert sound.player is not None
        assert sound.missing.endswith("sounddevice. Questions are typed.")
        sound.player.add_data(PCM, "item")
        while sound.player.waiting_samples:
            sound.player.start()
        sound.player.close()
        recorder.close()
        assert read_wav(tmp_path / "answer.wav") == PCM

    def test_both(self, tmp_path: Path) -> None:
        recorder = WavRecorder(tmp_path / "answer.wav")
        sound = SoundMaker(PCM, recorder).open_all(None, None)
        recorder.close()
        assert sound.missing.endswith("sounddevice. Answers go to the file.")
