"""Audio of a recording: a file for each side and rate, sample by sample as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.formats import AudioFormat
from serving.recording.tracks import Tracks

PCM = AudioFormat()
TELEPHONE = AudioFormat("audio/pcmu")
SOUND = np.arange(-3000, 3000, 5, dtype="<i2").tobytes()


@pytest.mark.parametrize("form", ["flac", "wav"])
def test_audio_is_read_as_it_was_written(tmp_path: Path, form: str) -> None:
    tracks = Tracks(tmp_path / "one", form)  # type: ignore[arg-type] # of the parameters above
    first = tracks.append("user", SOUND[:1001], PCM)
    second = tracks.append("user", SOUND[1001:], PCM)
    tracks.flush()
    tracks.close()
    # The second half of a sample belongs to what comes next.
    assert first == {"track": f"user.{form}", "at": 0, "samples": 500}
    assert second == {"track": f"user.{form}", "at": 500, "samples": 700}
    sound, rate = soundfile.read(tmp_path / f"one.user.{form}", dtype="int16")
    assert (sound.astype("<i2").tobytes(), rate) == (SOUND, 24000)


def test_another_rate_begins_another_file(tmp_path: Path) -> None:
    tracks = Tracks(tmp_path / "one", "flac")
    tracks.append("user", SOUND, PCM)
    told = tracks.append("user", TELEPHONE.encode(SOUND), TELEPHONE)
    tracks.append("assistant", SOUND, PCM)
    tracks.flush()
    tracks.close()
    assert told == {"track": "user-2.flac", "at": 0, "samples": len(SOUND) // 2}
    assert soundfile.info(tmp_path / "one.user-2.flac").samplerate == 8000
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.assistant.flac",
        "one.user-2.flac",
        "one.user.flac",
    ]


def test_a_file_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    tracks = Tracks(tmp_path / "gone" / "one", "wav")
    with pytest.raises(FileNotFoundError):
        tracks.append("user", SOUND, PCM)
    tracks.flush()
    tracks.close()
