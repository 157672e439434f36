"""Where answers go when there is no loudspeaker: nowhere, or into a file."""

from __future__ import annotations

import gc
import sys
import wave
from pathlib import Path

import pytest

from audio.pcm import read_wav
from audio.player import AudioPlayerAsync
from clients.terminal.speakers import NoSpeaker, WavRecorder
from tests.clients.terminal.bench import PCM


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
