"""The benchmark of ears and voices: what they are tried with, a run of it, and its page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality_report import draw, page
from benchmarks.quality_speech import by_telephone, noises, recordings, with_noise
from tests.support.places import ROOT
from tests.support.running_server import SCRIPTED


def test_recordings_are_speech_whose_words_are_known() -> None:
    clips = list(recordings())
    assert sum(clip.speaker == "flite" for clip in clips) == 20
    for clip in clips:
        assert 0.5 < clip.seconds < 8
        assert clip.text
        assert np.sqrt(np.mean(clip.samples**2)) > 0.01


@pytest.mark.parametrize("decibels", [20, 10])
def test_noise_lies_below_the_speech_by_as_much_as_told(decibels: int) -> None:
    clip = next(recordings())
    noisy = with_noise(clip, decibels, seed=1)
    # The mixture may have been made quieter, to fit: the speech in it tells by how much.
    scale = float(np.dot(noisy.samples, clip.samples) / np.dot(clip.samples, clip.samples))
    noise = noisy.samples - scale * clip.samples
    ratio = np.mean((scale * clip.samples) ** 2) / np.mean(noise**2)
    assert 10 * np.log10(ratio) == pytest.approx(decibels, abs=0.5)


def test_a_telephone_passes_nothing_above_4_khz() -> None:
    narrow = by_telephone(next(recordings()))
    spectrum = np.abs(np.fft.rfft(narrow.samples)) ** 2
    above = len(spectrum) * 43 // 80
    assert spectrum[above:].sum() < 1e-3 * spectrum.sum()


def test_there_are_forty_noises_without_a_word() -> None:
    found = list(noises())
    assert len(found) == 40
    assert len({clip.speaker for clip in found}) == 8
    assert all(clip.text == "" and len(clip.pcm) > 16000 for clip in found)


@pytest.mark.long
def test_a_stack_is_tried_and_its_page_written(tmp_path: Path) -> None:
    """The stack is one of stand-ins: whether they understand anything is not the subject."""
    config, figures = tmp_path / "stack.toml", tmp_path / "figures.json"
    tables = [f'[{kind}]\nprovider = "{group["provider"]}"' for kind, group in SCRIPTED.items()]
    config.write_text("\n".join(tables), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.quality", "--config", str(config), "--quick"]
    command += ["--name", "stand-ins", "--record", str(figures)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "stand-ins: scripted" in done.stdout
    stacks = json.loads(figures.read_text(encoding="utf-8"))
    found = stacks["stand-ins"]
    assert {row["condition"] for row in found["heard"]} == {
        "clear",
        "noise 20 dB below",
        "noise 10 dB below",
        "telephone",
    }
    assert all(row["word_error_rate"] > 0.5 for row in found["heard"])
    assert len(found["invented"]) == found["noises"]
    assert found["talk"].keys() >= {"detected_ms", "manual_ms", "memory_mb"}
    assert "## stand-ins" in page(stacks)
    drawn = draw(stacks)
    assert "en, own voice: words wrong" in drawn
    assert "waits, ms" in drawn
