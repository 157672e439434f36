"""What there is of sound on a machine, and what is said of the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from audio.pcm import read_wav
from clients.terminal.echo import EchoCanceller, can_cancel
from clients.terminal.sound import SoundMaker
from clients.terminal.sources import SpokenFile
from clients.terminal.speakers import WavRecorder
from settings.installation import pip
from tests.clients.terminal.bench import PCM
from tests.support.fake_sound import FakeSound
from tests.support.fake_sound_device import SoundDevice


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


@pytest.mark.skipif(not can_cancel(), reason="pip install -r requirements/echo.txt")
def test_a_microphone_does_not_hear_the_loudspeaker(monkeypatch: pytest.MonkeyPatch) -> None:
    class Whole(SoundDevice):
        """A machine with a microphone."""

        def RawInputStream(self, **options: object) -> FakeSound:
            return FakeSound()

    monkeypatch.setitem(sys.modules, "sounddevice", Whole())
    cleaned = SoundMaker(canceller=EchoCanceller()).open_all(None, None)
    assert cleaned.source is not None
    assert cleaned.source.cancels_echo
    raw = SoundMaker().open_all(None, None)
    assert raw.source is not None
    assert not raw.source.cancels_echo
    assert not SpokenFile(PCM).cancels_echo


class TestWithoutPortAudio:
    """What there is of sound on a machine that has none."""

    @pytest.fixture(autouse=True)
    def no_portaudio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "sounddevice", None)

    def test_nothing_stands_in(self) -> None:
        sound = SoundMaker().open_all(None, None)
        assert (sound.source, sound.player) == (None, None)
        remedy = f"No sound: 'sounddevice' is missing. {pip()} install sounddevice."
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
